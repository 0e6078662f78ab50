"""Whatever bytes a body has, reading it gives a value or the client's error, and soon."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.notifications.api.selections import DiscardSelection
from apps.notifications.api.serializers import StatusReport
from apps.notifications.api.suppressions import NewSuppression
from apps.notifications.services.orders import NotificationOrder, UnreadBulkOrder
from apps.templates.api.serializers import NewTemplateBody, PreviewBody
from apps.templates.rendering import check_content
from apps.users.api.serializers import CreateApiKeyBody, CreateUserBody, UpdateUserBody
from notifier.addresses import normalise_email
from notifier.api.bodies import MAX_BULK_BODY, decode
from notifier.errors import InvalidRequest

SHAPES: list[type[msgspec.Struct]] = [
    NotificationOrder,
    UnreadBulkOrder,
    StatusReport,
    DiscardSelection,
    NewSuppression,
    NewTemplateBody,
    PreviewBody,
    CreateUserBody,
    UpdateUserBody,
    CreateApiKeyBody,
]
NAMES = sorted({name for shape in SHAPES for name in shape.__struct_fields__})
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["email", "push", "\x00", "\ud800", "2026-01-01T00:00:00Z", "{{ a }}"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(NAMES), inner),
    max_leaves=20,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values).map(
    lambda body: json.dumps(body, ensure_ascii=len(body) % 2 == 0).encode(errors="surrogatepass")
)
# The same cases each time; the machine of a test run may be busy.
steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@steady
@given(raw=bodies | st.binary())
def test_a_body_is_read_or_refused(shape: type[msgspec.Struct], raw: bytes) -> None:
    begun = time.process_time()
    try:
        body = decode(raw, shape)
    except InvalidRequest:
        body = None
    assert time.process_time() - begun < 1
    if body is not None:
        text = msgspec.json.encode(body)
        assert b"\\u0000" not in text  # what the database cannot hold


@steady
@given(address=st.text() | st.emails() | st.from_regex(r"[^@]{1,70}@[^@]{1,260}"))
def test_an_address_is_one_address_or_refused(address: str) -> None:
    try:
        taken = normalise_email(address)
    except InvalidRequest:
        return
    assert taken.count("@") == 1
    assert taken.isprintable()
    assert not set(taken) & set(' ,;<>()[]\r\n"\\')


@steady
@given(content=st.dictionaries(st.sampled_from(["subject", "text", "html", "x"]), st.text()))
def test_content_is_good_or_its_faults_are_listed(content: dict[str, Any]) -> None:
    report = check_content(channel="email", content=content)
    assert all(fault.line >= 1 and fault.column >= 1 for fault in report.errors)


def make_bulk(item: bytes, times: int) -> bytes:
    head = b'{"notification_type": "email", "template_code": "w", "recipients": ['
    return head + b",".join([item] * times) + b"]}"


def test_millions_of_empty_lists_are_refused_before_they_cost_anything() -> None:
    raw = make_bulk(b"[" + b",".join([b"[]"] * 500_000) + b"]", 10)
    assert len(raw) < MAX_BULK_BODY
    begun = time.process_time()
    with pytest.raises(InvalidRequest, match="objects and lists"):
        decode(raw, UnreadBulkOrder)
    assert time.process_time() - begun < 2


def test_a_full_bulk_with_structured_variables_and_brackets_in_its_texts_is_read() -> None:
    items = b",".join([b'{"sku": "[{[{"}'] * 20)
    item = b'{"to": {"email": "a@b.co"}, "variables": {"order": {"items": [' + items + b"]}}}"
    assert len(decode(make_bulk(item, 10_000), UnreadBulkOrder).recipients) == 10_000
