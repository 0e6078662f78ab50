"""The page that sends one notification by hand, and the one that follows a bulk replay."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from apps.notifications.admin.sending import MOST_OFFERED
from apps.notifications.models import Notification
from apps.templates.models import Template, TemplateVersion
from apps.templates.services import NewVersion, create_template
from notifier.models import Organization
from tests.factories import make_organization, make_user
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.pages.staff import sign_in_staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/notifications/notification/send/"
LETTERS = "/admin/notifications/deadletter/"
CONTENT = {
    "subject": "Hi {{ name }}",
    "text": "{{ total }} {% for x in items %}{{ x }}{% endfor %}",
}


def write_template(organization: Organization) -> Template:
    version = NewVersion(
        language="en", content=CONTENT, sample_variables={"name": "Ada", "items": [1, 2]}
    )
    return create_template(
        organization_id=organization.pk,
        code="invoice",
        channel="email",
        name="Invoice",
        version=version,
        now=timezone.now(),
    )


def filled(**values: str) -> dict[str, str]:
    variables = {"name": "Grace", "items": '["a"]', "total": "12"}
    form = {"recipient": "grace@example.org", "mode": "test", "priority": "7"}
    return {**form, **{f"variables.{name}": text for name, text in variables.items()}, **values}


def post(browser: Client, template: Template, **values: str) -> Any:
    return browser.post(f"{PAGE}?template={template.pk}", filled(**values))


def test_samples_are_filled_in_and_what_is_sent_is_accepted_as_usual(
    operator: Client, organization: Organization
) -> None:
    template = write_template(organization)
    assert "invoice" in operator.get(PAGE).content.decode()
    page = operator.get(f"{PAGE}?template={template.pk}").content.decode()
    assert 'name="variables.name" value="Ada"' in page
    assert 'name="variables.items" value="[1, 2]"' in page
    assert 'name="variables.total"' in page  # required, though there is no sample of it
    response = post(operator, template, scheduled_at="2099-01-02T03:04")
    row = Notification.objects.get()
    assert response["Location"] == f"/admin/notifications/notification/{row.pk}/change/"
    assert (row.recipient, row.mode, row.priority) == ("grace@example.org", "test", 7)
    assert row.variables == {"name": "Grace", "items": ["a"], "total": "12"}
    assert f"{row.due_at:%Y-%m-%d %H:%M}" == "2099-01-02 03:04"
    assert LogEntry.objects.get().change_message == "Sent by hand"
    story = operator.get(response["Location"]).content.decode()
    assert "scheduled for later" in story
    assert "Hi Grace" in story
    assert 'value="cancel_selected"' in story


def test_a_users_preferences_count_for_its_address(
    operator: Client, organization: Organization
) -> None:
    user = make_user(organization=organization, email="grace@example.org", email_enabled=False)
    post(operator, write_template(organization))
    row = Notification.objects.get()
    assert (row.user, row.status, row.reason) == (user, "skipped", "preference_off")


def test_what_cannot_be_sent_is_said_beside_its_field(
    operator: Client, organization: Organization
) -> None:
    template = write_template(organization)
    for values, words in (
        ({"variables.items": "[1,"}, "not JSON"),
        ({"variables.items": "[" * 5_000}, "not JSON"),
        ({"variables.items": "1" * 5_000}, "not JSON"),
        ({"variables.items": "[" * 20 + "]" * 20}, "levels deep"),
        ({"variables.items": '"\\ud800"'}, "no message can carry"),
        ({"recipient": "nobody"}, "not one e-mail address"),
        ({"expires_at": "2001-01-01T00:00"}, "This has passed"),
        ({"priority": "11"}, "less than or equal to 10"),
    ):
        page = post(operator, template, **values).content.decode()
        assert words in page, values
    assert not Notification.objects.exists()


def test_a_template_behind_the_list_can_be_sent_and_nonsense_is_none(
    operator: Client, organization: Organization
) -> None:
    template = write_template(organization)
    shared = {"organization": organization, "channel": "email", "name": "A"}
    Template.objects.bulk_create(
        Template(code=f"a-{number}", **shared) for number in range(MOST_OFFERED)
    )
    TemplateVersion.objects.bulk_create(
        TemplateVersion(template=each, number=1, language="en", content={}, is_published=True)
        for each in Template.objects.exclude(pk=template.pk)
    )
    assert "invoice" not in operator.get(PAGE).content.decode()
    assert post(operator, template).status_code == 302
    assert operator.get(f"{PAGE}?template=nonsense").status_code == 404


def test_sending_needs_its_permission_and_ones_own_template(organization: Organization) -> None:
    theirs = write_template(make_organization(slug="rival"))
    viewer = sign_in_staff(organization, "view_notification", email="viewer@example.org")
    assert viewer.get(PAGE).status_code == 403
    assert "notification/send" not in viewer.get("/admin/").content.decode()
    sender = sign_in_staff(organization, "view_notification", "add_notification")
    assert "invoice" not in sender.get(PAGE).content.decode()
    assert post(sender, theirs).status_code == 404
    assert not Notification.objects.exists()


def test_a_bulk_replay_is_followed_to_its_end(
    operator: Client, organization: Organization
) -> None:
    rows = [accept_mail(organization, email=f"r{number}@example.org") for number in range(4)]
    for row in rows:
        settle_mail(row, status="failed", provider="smtp", error_code="smtp_451")
    chosen = [str(row.pk) for row in rows]
    form = {"action": "replay_letters", "_selected_action": chosen, "confirmed": "1"}
    response = operator.post(LETTERS, form)
    following = response["Location"]
    assert following.startswith(f"{LETTERS}replays/")
    page = operator.get(following).content.decode()
    assert "0 of 4 finished" in page
    assert "hx-trigger" in page.partition('id="replay"')[2].partition(">")[0]
    settle_mail(rows[0], status="sent")
    settle_mail(rows[1], status="failed", error_code="smtp_451")
    page = re.sub(r"<[^>]+>", "", operator.get(following).content.decode())
    assert "2 of 4 finished: 1 sent, 1 failed again" in page
    other = sign_in_staff(organization, "view_deadletter")
    assert "not yours" in other.get(following).content.decode()
