"""Lists without rows: each says what to do, and tells nothing from nothing that matches."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from apps.notifications.models import Notification
from tests.integration.pages.test_ledger_pages import NOTIFICATIONS, read

pytestmark = pytest.mark.django_db
# Its rows come from the breakers themselves, and its page says so when there are none.
WITHOUT_TABLE = {"circuitbreaker"}
LISTS = [
    (each, page)
    for each, page in admin.site._registry.items()  # noqa: SLF001  # no public way to list them
    if each._meta.model_name not in WITHOUT_TABLE  # noqa: SLF001  # documented, for all its underscore
]


@pytest.mark.parametrize(
    ("model", "page"), LISTS, ids=[page.__class__.__name__ for _, page in LISTS]
)
def test_an_empty_list_says_what_to_do(model: type, page: object, operator: Client) -> None:
    told = getattr(page, "begin", "")
    assert told.endswith(".")
    meta = model._meta  # type: ignore[attr-defined]  # noqa: SLF001  # every model has one
    shown = read(operator, reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
    has_rows = 'id="result_list"' in shown
    assert (escape(told) in shown) is not has_rows


def test_what_matches_nothing_is_called_so(operator: Client) -> None:
    assert not Notification.objects.exists()
    begin = escape("None yet: choose Send")
    for query in ("?q=nobody@example.org", "?status__exact=failed"):
        shown = read(operator, f"{NOTIFICATIONS}{query}")
        assert "Nothing matches." in shown
        assert begin not in shown
