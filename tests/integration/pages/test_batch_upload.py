"""Uploading a CSV file in the admin, and the pages of batches."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from apps.notifications.models import Batch, Notification
from apps.templates.models import Template
from apps.templates.services import NewVersion, create_template
from notifier.models import Organization
from tests.factories import make_organization, make_user

pytestmark = pytest.mark.django_db
BATCHES = "/admin/notifications/batch/"
UPLOAD = f"{BATCHES}upload/"
PEOPLE = b"email,name\nada@example.org,Ada\nno address,<b>Bob</b>\ncy@example.org,Cy\n"


def make_news(organization: Organization) -> Template:
    return create_template(
        organization_id=organization.pk,
        code="news",
        channel="email",
        name="News",
        version=NewVersion(content={"subject": "Hi {{ name }}", "text": "{{ name }}"}),
        now=timezone.now(),
    )


@pytest.fixture
def news(organization: Organization) -> Template:
    return make_news(organization)


def upload(browser: Client, news: Template, content: bytes = PEOPLE, **fields: Any) -> Any:
    file = SimpleUploadedFile("people.csv", content, content_type="text/csv")
    body = {"file": file, "template": news.pk, "priority": 3, **fields}
    return browser.post(UPLOAD, body)


def staff(organization: Organization, *permissions: str, **fields: Any) -> Client:
    user = make_user(organization=organization, is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def test_a_check_shows_the_first_rows_and_what_is_wrong_and_stores_nothing(
    operator: Client, news: Template
) -> None:
    response = upload(operator, news, check="1")
    page = response.content.decode()
    assert response.status_code == 200
    assert "Nothing has been sent yet" in page
    assert "not one e-mail address" in page
    assert "&lt;b&gt;Bob&lt;/b&gt;" in page
    assert not Batch.objects.exists()
    assert not Notification.objects.exists()


def test_an_accepted_file_leads_to_its_batch_and_a_second_time_sends_nothing(
    operator: Client, news: Template
) -> None:
    for told in ("2 accepted, 0 skipped, 1 rejected", "2 had been accepted earlier"):
        response = upload(operator, news, accept="1")
        batch = Batch.objects.get()
        assert response.url == f"{BATCHES}{batch.pk}/change/"
        page = operator.get(response.url).content.decode()
        assert told in page
        assert "0 of 2 finished (0 %): 2 pending" in page
        assert "line 3: to.email: not one e-mail address" in page
    assert Notification.objects.count() == 2
    assert {row.priority for row in Notification.objects.all()} == {3}
    batch = Batch.objects.get()
    assert LogEntry.objects.filter(object_id=batch.pk).count() == 2
    listed = operator.get(BATCHES).content.decode()
    assert str(batch.request_id) in listed
    assert UPLOAD in listed


def test_an_upload_that_breaks_off_stands_in_the_history(operator: Client, news: Template) -> None:
    with connection.cursor() as cursor:  # until the test's transaction is rolled back
        table = "ALTER TABLE notifications_notification"
        cursor.execute(f"{table} ADD CONSTRAINT no_last CHECK (request_id <> 'last')")
    people = b"email,name,request_id\n" + b"ada@example.org,Ada,\n" * 1_000
    with pytest.raises(IntegrityError):
        upload(operator, news, people + b"ada@example.org,Ada,last\n", accept="1")
    assert Notification.objects.count() == 1_000
    assert LogEntry.objects.filter(object_id=Batch.objects.get().pk).count() == 1


@pytest.mark.parametrize(
    ("content", "fields", "told"),
    [
        (b"email\n\xff\n", {}, "line 2: not UTF-8"),
        (b"", {}, "empty"),
        (b"name\nAda\n", {}, "no column says to whom"),
        (PEOPLE, {"priority": 11}, "Priority"),
        (PEOPLE, {"name": "not a name"}, "Batch name"),
        (PEOPLE, {"language": "?"}, "Language"),
        (PEOPLE, {"template": "00000000-0000-0000-0000-000000000000"}, "Template"),
        (b"email\n" + b"a@b.org\n" * 100_001, {}, "at most 100000"),
        (b"x" * (16 * 1024 * 1024 + 1), {}, "Larger than 16 MiB"),
    ],
)
def test_what_cannot_be_sent_is_told_on_the_page(
    operator: Client, news: Template, content: bytes, fields: dict[str, Any], told: str
) -> None:
    response = upload(operator, news, content, accept="1", **fields)
    assert response.status_code == 200
    assert told in response.content.decode()
    assert not Batch.objects.exists()


def test_a_sender_with_the_permission_uploads_for_its_own_organization_alone(
    organization: Organization, news: Template
) -> None:
    foreign = make_news(make_organization())
    browser = staff(organization, "add_batch", "view_batch", role="sender")
    page = browser.get(UPLOAD).content.decode()
    assert str(news.pk) in page
    assert str(foreign.pk) not in page
    refused = upload(browser, foreign, accept="1")
    assert "Template: " in refused.content.decode()
    assert not Batch.objects.exists()
    assert upload(browser, news, accept="1").status_code == 302
    assert Batch.objects.get().organization == organization


def test_members_and_staff_without_the_permission_are_refused(
    organization: Organization, news: Template
) -> None:
    for browser in (
        staff(organization, "add_batch", "view_batch", role="member"),
        staff(organization, "view_batch", role="sender"),
    ):
        assert browser.get(UPLOAD).status_code == 403
        assert upload(browser, news, accept="1").status_code == 403
        assert UPLOAD not in browser.get(BATCHES).content.decode()
    outsider = staff(organization, role="sender")
    assert outsider.get(BATCHES).status_code == 403
    nobody = Client()
    assert upload(nobody, news, accept="1").url.startswith("/admin/login/")
    assert not Batch.objects.exists()


def test_a_batch_of_another_organization_has_no_page(organization: Organization) -> None:
    foreign = Batch.objects.create(organization=make_organization(), channel="email", answer={})
    browser = staff(organization, "view_batch", role="admin")
    assert str(foreign.pk) not in browser.get(BATCHES).content.decode()
    assert browser.get(f"{BATCHES}{foreign.pk}/change/").status_code == 302
