"""Pushes of one message side by side: real rows, and FCM's stand-in over real sockets."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.delivery.providers.contract import InvalidProviderUrl
from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.delivering import deliver_notifications
from apps.delivery.services.outlets import close_outlets
from apps.delivery.services.side_by_side import call_side_by_side
from apps.delivery.tasks import deliver_push
from apps.notifications.models import Notification
from apps.notifications.models.transitions import take_due
from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import Address, NotificationOrder
from apps.users.models import Device
from notifier.authentication import Mode, Principal
from notifier.encryption_lasting import blind_index
from notifier.models import Organization
from tests.factories import make_device, make_organization, make_user
from tests.integration.provider_subjects import write_service_account
from tests.standins.processes import FcmService

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker", "redis")]
AT_ONCE = 8
READ_SECONDS = 2


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_service_account(tmp_path_factory.mktemp("key") / "key.json")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FcmService]:
    service = FcmService(tmp_path_factory.mktemp("fcm"))
    service.start()
    yield service
    service.kill()


@pytest.fixture(autouse=True)
def fcm(settings: Settings, service: FcmService, key_file: Path) -> Iterator[FcmService]:
    service.reset()
    options = f"endpoint={service.url}&timeout={READ_SECONDS}"
    settings.PUSH_PROVIDER_URLS = parse_provider_urls(f"fcm://{key_file}?{options}")
    settings.PUSH_AT_ONCE = AT_ONCE
    settings.BREAKER_THRESHOLD = 100
    close_outlets()
    yield service
    close_outlets()


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def accept_push(
    organization: Organization,
    *,
    device: str = "",
    user_id: UUID | None = None,
    mode: Mode = "live",
    lives: timedelta | None = None,
) -> UUID:
    principal = Principal(organization_id=organization.pk, scopes=frozenset({"send"}), mode=mode)
    order = NotificationOrder(
        notification_type="push",
        to=Address(push_token=device, platform="android") if device else None,
        user_id=user_id,
        content={"title": "Hello", "body": "Ada"},
        expires_at=timezone.now() + lives if lives else None,
    )
    return accept_notification(order=order, principal=principal).notification_id


def deliver(ids: list[UUID]) -> list[tuple[str, str]]:
    """Take and deliver as relay and worker do; return status and error code of each."""
    take_due(channel="push", limit=1000)
    deliver_push(notification_ids=[str(each) for each in ids])
    rows = Notification.objects.in_bulk(ids)
    return [(rows[each].status, rows[each].error_code) for each in ids]


def calls_by_notification(fcm: FcmService) -> Counter[str]:
    sends = fcm.messages(kind="send")
    return Counter(send["content"]["message"]["data"]["notification_id"] for send in sends)


def test_so_many_calls_are_under_way_and_no_more(
    organization: Organization, fcm: FcmService
) -> None:
    fcm.behave(latency_ms=50)
    ids = [accept_push(organization, device=f"device-{n:04}") for n in range(5 * AT_ONCE)]
    assert set(deliver(ids)) == {("sent", "")}
    counts = [record["at_once"] for record in fcm.messages(kind="send")]
    assert 1 < max(counts) <= AT_ONCE
    assert calls_by_notification(fcm) == {str(each): 1 for each in ids}


def test_each_of_a_mixed_chunk_gets_its_own_outcome(
    organization: Organization, fcm: FcmService
) -> None:
    tokens = {
        "UNREGISTERED:gone": ("failed", "fcm_unregistered"),
        "UNAVAILABLE:down": ("pending", "http_503"),
        "slow:1:device": ("sent", ""),
        "hang:device-1": ("pending", "timeout"),
        "INVALID_ARGUMENT:x": ("failed", "fcm_invalid_argument"),
        "a-well-device": ("sent", ""),
    }
    ids = [accept_push(organization, device=token) for token in tokens for _ in range(3)]
    expected = [outcome for outcome in tokens.values() for _ in range(3)]
    assert deliver(ids) == expected
    assert set(calls_by_notification(fcm).values()) == {1}
    stored = Notification.objects.filter(pk__in=ids).values_list("attempts", flat=True)
    assert set(stored) == {1}


def test_what_is_done_is_recorded_while_another_hangs(
    organization: Organization, fcm: FcmService
) -> None:
    hanging = accept_push(organization, device="hang:device-1")
    ids = [accept_push(organization, device=f"device-{n:04}") for n in range(AT_ONCE - 1)]
    deliver([hanging, *ids])
    sent_at = [row.sent_at for row in Notification.objects.filter(pk__in=ids)]
    ended_at = Notification.objects.get(pk=hanging).events.order_by("-id").first()
    assert ended_at is not None
    assert all(
        each and (ended_at.at - each).total_seconds() > READ_SECONDS / 2 for each in sent_at
    )


def test_a_device_that_is_gone_is_forgotten_and_only_the_others_are_tried_again(
    organization: Organization, fcm: FcmService
) -> None:
    user = make_user(organization=organization)
    for token in ("UNREGISTERED:old", "UNAVAILABLE:busy"):
        make_device(user=user, token=token, token_digest=blind_index(token))
    again = accept_push(organization, user_id=user.pk)
    alone = accept_push(organization, device="device-0001")
    assert deliver([again, alone]) == [("pending", "http_503"), ("sent", "")]
    assert [device.token for device in Device.objects.filter(user=user)] == ["UNAVAILABLE:busy"]


def test_a_push_that_was_captured_needs_no_thread(
    organization: Organization, settings: Settings
) -> None:
    settings.PUSH_PROVIDER_URLS = parse_provider_urls("capture://")
    close_outlets()
    ids = [accept_push(organization, device=f"device-{n:04}") for n in range(3 * AT_ONCE)]
    assert set(deliver(ids)) == {("sent", "")}


def test_a_second_worker_with_the_same_message_calls_nobody(
    organization: Organization, fcm: FcmService
) -> None:
    ids = [accept_push(organization, device=f"device-{n:04}") for n in range(AT_ONCE)]
    deliver(ids)
    assert deliver_notifications(ids=ids, at_once=AT_ONCE) == 0
    assert set(calls_by_notification(fcm).values()) == {1}


def test_a_revoked_access_token_is_replaced_and_the_push_sent(
    organization: Organization, fcm: FcmService
) -> None:
    assert deliver([accept_push(organization, device="device-0001")]) == [("sent", "")]
    fcm.behave(fail_next=1, target="send", code=401, bare=True)
    assert deliver([accept_push(organization, device="device-0002")]) == [("sent", "")]
    assert len(fcm.messages(kind="token")) == 2


def test_an_account_that_is_refused_with_a_fresh_token_waits_for_an_operator(
    organization: Organization, fcm: FcmService
) -> None:
    fcm.behave(fail_always=True, target="send", code=401, bare=True)
    waiting = accept_push(organization, device="device-0001")
    assert deliver([waiting]) == [("pending", "authentication_failed")]
    assert len(fcm.messages(kind="send")) == 1


def test_what_expires_while_others_are_under_way_is_not_sent(
    organization: Organization, fcm: FcmService
) -> None:
    ids = [accept_push(organization, device="slow:1:device") for _ in range(AT_ONCE)]
    ids.append(accept_push(organization, device="device-0", lives=timedelta(seconds=0.9)))
    # Of the same part: the first ones are captured, and quick.
    quick = [accept_push(organization, device=f"d-{n:04}", mode="test") for n in range(AT_ONCE)]
    deliver([*quick, *ids])
    assert Notification.objects.get(pk=ids[-1]).status == "expired"
    assert len(fcm.messages(kind="send")) == AT_ONCE


def test_a_provider_that_cannot_be_built_costs_no_attempt_and_no_outcome_before_it(
    organization: Organization, settings: Settings, tmp_path: Path
) -> None:
    settings.PUSH_PROVIDER_URLS = parse_provider_urls(f"fcm://{tmp_path}/gone.json")
    done = [accept_push(organization, device=f"device-{n}", mode="test") for n in range(2)]
    waiting = accept_push(organization, device="device-9")
    with pytest.raises(InvalidProviderUrl):
        deliver([*done, waiting])
    assert {row.status for row in Notification.objects.filter(pk__in=done)} == {"sent"}
    row = Notification.objects.get(pk=waiting)
    assert (row.status, row.reason, row.attempts) == ("pending", "released", 0)


def test_calls_under_way_are_heard_out_before_a_fault_is_told() -> None:
    def begin() -> Iterator[tuple[int, Callable[[], int]]]:
        yield 1, lambda: 10
        yield 2, lambda: 20
        raise ConnectionError

    calls = call_side_by_side(begin(), at_once=8, meanwhile=lambda: None)
    heard = [next(calls) for _ in range(2)]
    assert {subject: result() for subject, result in heard} == {1: 10, 2: 20}
    with pytest.raises(ConnectionError):
        next(calls)
