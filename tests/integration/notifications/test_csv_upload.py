"""Uploads that are repeated: nothing twice, nothing refused for what was sent, no count lost."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from apps.notifications.models import Batch, Notification
from apps.notifications.services.csv_reading import inspect_csv
from apps.notifications.services.csv_upload import ChunkResult, Upload, open_batch, send_rows
from notifier.authentication import Principal
from notifier.models import Organization
from notifier.quotas import Quota
from tests.factories import make_organization, make_user
from tests.integration.api.world import add_templates

UPLOAD = Upload(channel="email", template_code="welcome", name="november")


def speak_for(organization: Organization) -> Principal:
    add_templates(organization)
    user = make_user(organization=organization)
    return Principal(organization_id=organization.pk, scopes=frozenset({"send"}), user_id=user.pk)


def send(content: bytes, principal: Principal) -> ChunkResult:
    file = io.BytesIO(content)
    csv = inspect_csv(file)
    batch = open_batch(upload=UPLOAD, csv=csv, principal=principal)
    (chunk,) = send_rows(file, csv=csv, upload=UPLOAD, batch=batch, principal=principal)
    return chunk


def test_rows_that_were_accepted_earlier_do_not_count_against_the_recipients_limit(
    organization: Organization, settings: Settings
) -> None:
    settings.RATE_LIMIT_RECIPIENT = Quota(count=10, seconds=3600)
    principal = speak_for(organization)
    rows = b"email,name\n" + b"desk@example.org,Ada\n" * 8
    assert send(rows, principal).stored.accepted == 8
    again = send(rows, principal)
    assert (again.stored.replayed, again.rejected) == (8, [])
    assert Notification.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_begun_twice_at_once_loses_no_count() -> None:
    principal = speak_for(make_organization())
    csv = inspect_csv(io.BytesIO(b"email,name\nada@example.org,Ada\n"))
    batch = open_batch(upload=UPLOAD, csv=csv, principal=principal)
    counting = Event()

    def count_some() -> None:
        try:
            with transaction.atomic():
                other = Batch.objects.select_for_update().get()
                other.answer["accepted"] = 5
                other.save()
                counting.set()
                _wait_for_another()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(count_some)
        assert counting.wait(10)
        again = open_batch(upload=UPLOAD, csv=csv, principal=principal)
        done.result(10)
    batch.refresh_from_db()
    assert again.answer["accepted"] == batch.answer["accepted"] == 5


def _wait_for_another() -> None:
    """Return when somebody waits for a row that this transaction holds."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(f"SELECT pg_stat_clear_snapshot(), ({waiting}), pg_sleep(0.02)")
            if cursor.fetchall()[0][1]:
                return
    raise AssertionError("nobody waits")
