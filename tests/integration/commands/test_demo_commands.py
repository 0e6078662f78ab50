"""`seed_demo` and what `make up` prints: the same way in every time, and a curl that works."""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.notifications.models import (
    FINAL_STATUSES,
    Batch,
    Notification,
    Status,
    Suppression,
)
from apps.notifications.services.demo import OPERATOR_EMAIL, seed_demo
from apps.notifications.services.demo_content import TEMPLATES
from apps.notifications.services.demo_people import PEOPLE
from apps.notifications.services.demo_story import BATCH_PLOTS, PLOTS
from apps.templates.models import TemplateVersion
from apps.templates.services import preview_template, update_template
from apps.users.models import ApiKey, Device, User
from apps.users.services import authenticate_key, get_organization
from deploy.local.ports import pick_free_port
from notifier.authentication import SCOPES
from tests.integration.commands.conftest import Manage, Run


@pytest.fixture(autouse=True)
def _own_var(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.mark.django_db
def test_seeding_twice_changes_nothing(run_json: Callable[..., Any], tmp_path: Path) -> None:
    first, second = run_json("seed_demo"), run_json("seed_demo")
    assert second == {**first, "is_new": False}
    assert User.objects.count() == len(PEOPLE) + 1
    assert Device.objects.count() == sum(person.push_token is not None for person in PEOPLE)
    assert ApiKey.objects.count() == 2
    assert Notification.objects.count() == sum(plot.count for plot in (*PLOTS, *BATCH_PLOTS))
    assert Batch.objects.count() == 1
    keys = [authenticate_key(first[name]) for name in ("api_key", "test_api_key")]
    assert [key.mode for key in keys] == ["live", "test"]
    assert {key.scopes for key in keys} == {frozenset(SCOPES)}
    kept = tmp_path / "demo.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["api_key"] == first["api_key"]


@pytest.mark.django_db
def test_the_operator_may_use_the_admin_with_the_password(run_json: Callable[..., Any]) -> None:
    demo = run_json("seed_demo")
    operator = User.objects.get_by_natural_key(OPERATOR_EMAIL)
    assert operator.check_password(demo["operator_password"])
    assert operator.is_superuser
    assert operator.is_staff


@pytest.mark.django_db
def test_the_password_is_shown_only_when_it_is_made(run: Run) -> None:
    assert "Operator:" in run("seed_demo")
    assert "Operator:" not in run("seed_demo")


@pytest.mark.django_db
def test_what_the_operator_changed_stays(run_json: Callable[..., Any]) -> None:
    run_json("seed_demo")
    organization_id = get_organization(slug="default").pk
    update_template(organization_id=organization_id, code="welcome", name="Our welcome")
    operator = User.objects.get_by_natural_key(OPERATOR_EMAIL)
    operator.set_password("changed meanwhile")
    operator.save()
    assert run_json("seed_demo")["operator_password"] is None
    version, _ = preview_template(organization_id=organization_id, code="welcome", variables={})
    assert version.template.name == "Our welcome"


@pytest.mark.django_db
@pytest.mark.parametrize("kept", [None, "", "[]", '{"api_key": "ntf_live_of_another_database"}'])
def test_a_lost_key_is_replaced_by_another(
    run_json: Callable[..., Any], tmp_path: Path, kept: str | None
) -> None:
    lost = run_json("seed_demo")["api_key"]
    if kept is None:
        (tmp_path / "demo.json").unlink()
    else:
        (tmp_path / "demo.json").write_text(kept)
    found = run_json("seed_demo")["api_key"]
    assert found != lost
    assert authenticate_key(found).can("send")
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


@pytest.mark.django_db
def test_the_demo_tells_of_every_end_and_leaves_nothing_to_do_now(tmp_path: Path) -> None:
    now = timezone.now()
    seed_demo(var=tmp_path, now=now)
    rows = list(Notification.objects.prefetch_related("events"))
    assert {row.status for row in rows} == FINAL_STATUSES | {"pending"}
    assert all(row.due_at > now for row in rows if row.status == "pending")
    assert all(timedelta(0) < now - row.created_at < timedelta(days=15) for row in rows)
    assert sum(now - row.created_at < timedelta(days=1) for row in rows) > 50
    for row in rows:
        events = list(row.events.all())
        moments = [event.at for event in events]
        assert moments == sorted(moments)
        assert moments[-1] < now
        assert [event.status for event in events if event.status in Status][-1] == row.status
    given_up = Notification.objects.dead_letters()
    assert given_up.count() > 5
    assert not given_up.filter(dead_lettered_at=None).exists()  # nobody is told of them again
    assert {entry.cause for entry in Suppression.objects.all()} == {
        "hard_bounce",
        "complaint",
        "unsubscribe",
    }


@pytest.mark.django_db
def test_a_template_that_the_operator_took_away_does_not_stop_the_demo(tmp_path: Path) -> None:
    seed_demo(var=tmp_path, now=timezone.now())
    Batch.objects.all().delete()
    Notification.objects.all().delete()
    TemplateVersion.objects.filter(template__code="welcome").update(is_published=False)
    seed_demo(var=tmp_path, now=timezone.now())
    codes = set(Notification.objects.values_list("template_code", flat=True))
    assert codes == {"newsletter", "order-shipped", "password-reset"}


@pytest.mark.django_db
def test_every_demo_template_renders_in_every_language(tmp_path: Path) -> None:
    seed_demo(var=tmp_path, now=timezone.now())
    organization_id = get_organization(slug="default").pk
    for template in TEMPLATES:
        for version in template.versions:
            found, rendered = preview_template(
                organization_id=organization_id,
                code=template.code,
                variables={},
                language=version.language,
            )
            assert found.language == version.language
            assert found.is_published
            assert not re.search(r"\[[a-z]+\]", str(rendered)), "a place of the page is not filled"


def test_production_has_no_demo(manage: Manage) -> None:
    names = ("SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS")
    secrets = {name: token_hex(24) for name in names}
    result = manage("seed_demo", NOTIFIER_ENV="production", **secrets)
    assert result.returncode == 1
    assert "production" in result.stderr


def test_the_curl_of_the_welcome_works_and_stays_the_same(
    up: Callable[[int], "subprocess.Popen[str]"], manage: Manage
) -> None:
    port = pick_free_port()
    first = up(port)
    shown = read_welcome(first)
    answer = paste(find_curl(shown))
    assert answer["success"] is True, answer
    order = ("--user", "grace@example.org", "--template", "order-shipped")
    sent = manage("send", *order, "--var", "name=Grace", "order=1812", "--wait", "10", "--json")
    assert json.loads(sent.stdout)["status"] == "sent", sent.stderr
    assert "No mail leaves this machine." in shown
    assert "Ctrl-C stops." in shown
    first.terminate()
    assert first.wait(timeout=20) == 0
    assert find_curl(read_welcome(up(port))) == find_curl(shown)


def read_welcome(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        lines.append(line)
        if "Ctrl-C" in line or not line:
            break
    return "".join(lines)


def find_curl(shown: str) -> str:
    curl = shown[shown.index("curl -sS") :]
    return curl[: curl.index("\n\n")]


def paste(curl: str) -> dict[str, Any]:
    """Run the command as it stands in a shell, and return the API's answer."""
    assert shlex.split(curl)[0] == "curl"
    result = subprocess.run(  # noqa: S603  # what we print ourselves
        ["/bin/sh", "-c", curl], capture_output=True, text=True, timeout=20, check=True
    )
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer
