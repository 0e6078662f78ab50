"""`manage.py send --csv`: every row once, whatever happens in between."""

import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Batch, Notification
from apps.notifications.services.reading import find_batch
from apps.templates.services import NewVersion, create_template
from apps.users.models import ensure_default_organization
from notifier.encryption_lasting import create_lasting_key
from notifier.models import Organization
from tests.factories import make_user
from tests.integration.commands.conftest import PROJECT, Run
from tests.session import POSTGRES

TO = ("--template", "news", "--channel", "email")
RunJson = Callable[..., Any]


def make_news() -> Organization:
    organization = ensure_default_organization()
    create_template(
        organization_id=organization.pk,
        code="news",
        channel="email",
        name="News",
        version=NewVersion(content={"subject": "Hi {{ name }}", "text": "{{ name }}"}),
        now=timezone.now(),
    )
    return organization


@pytest.fixture
def organization(db: None) -> Organization:
    return make_news()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def test_every_row_becomes_a_notification_of_one_batch(
    run: Run, organization: Organization, file: Path
) -> None:
    user = make_user(organization=organization, email_enabled=False)
    file.write_text(
        "email;user_id;name;request_id;language\n"
        'ada@example.org;;"Ada\nLovelace";;\n'
        "bob@example.org;;Bob;invoice-1;pt\n"
        f";{user.pk};Cy;;\n",
        encoding="utf-8-sig",
    )
    shown = run("send", "--csv", str(file), *TO, "--priority", "2")
    assert "Of 3 rows: 2 accepted, 1 skipped, 0 accepted earlier, 0 rejected" in shown
    batch = Batch.objects.get()
    assert f"Batch {batch.pk}" in shown
    rows = {row.recipient: row for row in batch.notifications.all()}
    assert rows["ada@example.org"].variables == {"name": "Ada\nLovelace"}
    assert rows["ada@example.org"].request_id == f"{batch.request_id}:2"
    assert rows["bob@example.org"].request_id == "invoice-1"
    assert {row.priority for row in rows.values()} == {2}
    _, by_status, _ = find_batch(organization_id=organization.pk, batch_id=batch.pk)
    assert by_status == {"pending": 2, "skipped": 1}
    assert not file.with_name("people.rejected.csv").exists()


def test_bad_rows_are_written_beside_the_file_and_fail_no_other(
    run: Run, organization: Organization, file: Path, tmp_path: Path
) -> None:
    file.write_text("email,name\nada@example.org,Ada\nno address,=1+1\nbob@example.org\n,\n,-Cy\n")
    with pytest.raises(CommandError, match="3 of 4 rows were rejected") as refused:
        run("send", "--csv", str(file), *TO)
    assert refused.value.returncode == 2
    assert Notification.objects.count() == 1
    with file.with_name("people.rejected.csv").open(newline="") as report:
        rejected = list(csv.reader(report))
    assert rejected == [
        ["line", "error", "message", "email", "name"],
        ["3", "validation_error", "to.email: not one e-mail address", "no address", "'=1+1"],
        ["4", "validation_error", "1 fields, but the header has 2", "bob@example.org"],
        ["6", "validation_error", "user_id: give exactly one of user_id or to", "", "'-Cy"],
    ]
    assert Batch.objects.get().answer["rejected_total"] == 3
    other = tmp_path / "elsewhere.csv"
    with pytest.raises(CommandError):
        run("send", "--csv", str(file), *TO, "--rejected", str(other), "--json")
    assert len(other.read_text().splitlines()) == 4
    assert Batch.objects.get().answer["rejected_total"] == 3  # of the latest run


@pytest.mark.parametrize("report", [".", "none/rejected.csv", "pipe"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_accepted(
    run: Run, organization: Organization, file: Path, tmp_path: Path, report: str
) -> None:
    file.write_text("email,name\nada@example.org,Ada\nno address,Bob\n")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CommandError, match="--rejected"):
        run("send", "--csv", str(file), *TO, "--rejected", str(tmp_path / report))
    assert not Batch.objects.exists()
    assert (tmp_path / "pipe").is_fifo()


def test_a_dry_run_stores_nothing(
    run_json: RunJson, organization: Organization, file: Path
) -> None:
    file.write_text("email,name\nada@example.org,Ada\nbob@example.org,Bob\n")
    answer = run_json("send", "--csv", str(file), *TO, "--dry-run")
    assert (answer["accepted"], answer["batch_id"], answer["dry_run"]) == (2, None, True)
    assert not Batch.objects.exists()
    assert not Notification.objects.exists()


def test_the_same_file_again_sends_nothing_and_under_another_name_everything(
    run_json: RunJson, organization: Organization, file: Path
) -> None:
    file.write_text("email,name\nada@example.org,Ada\nbob@example.org,Bob\n")
    first = run_json("send", "--csv", str(file), *TO)
    again = run_json("send", "--csv", str(file), *TO)
    assert (again["accepted"], again["replayed"]) == (0, 2)
    assert again["batch_id"] == first["batch_id"]
    with pytest.raises(CommandError, match="with other options"):
        run_json("send", "--csv", str(file), *TO, "--priority", "9")
    named = run_json("send", "--csv", str(file), *TO, "--batch-name", "november")
    assert (named["accepted"], named["batch_name"]) == (2, "november")
    file.write_text("email,name\neve@example.org,Eve\n")
    with pytest.raises(CommandError, match="november was begun with another file"):
        run_json("send", "--csv", str(file), *TO, "--batch-name", "november")
    assert Notification.objects.count() == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*TO, "--var", "a=b"), "--var goes with one notification"),
        (("--template", "news"), "--csv needs --channel"),
        (("--template", "none", "--channel", "email"), "no such template"),
        (("--template", "news", "--channel", "push"), "template news is for email"),
        ((*TO, "--priority", "11"), "priority"),
        ((*TO, "--batch-name", "a b"), "--batch-name"),
        ((*TO, "--organization", "none"), "none"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    run: Run, organization: Organization, file: Path, arguments: tuple[str, ...], told: str
) -> None:
    file.write_text("email,name\nada@example.org,Ada\n")
    with pytest.raises(CommandError, match=told):
        run("send", "--csv", str(file), *arguments)
    assert not Batch.objects.exists()


def test_a_file_with_a_broken_end_is_refused_as_a_whole(
    run: Run, organization: Organization, file: Path
) -> None:
    file.write_bytes(
        b"email,name\n" + b"ada@example.org,Ada\n" * 2_000 + b"bob@example.org,\xff\n"
    )
    with pytest.raises(CommandError, match="line 2002: not UTF-8"):
        run("send", "--csv", str(file), *TO)
    with pytest.raises(CommandError, match="No such file"):
        run("send", "--csv", str(file.with_name("other.csv")), *TO)
    assert not Batch.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(120)
def test_killed_midway_and_started_again_it_sends_every_row_once(tmp_path: Path) -> None:
    make_news()
    create_lasting_key()  # for the other process: earlier tests that committed emptied its table
    file, total = tmp_path / "many.csv", 6_000
    file.write_text(
        "email,name\n" + "".join(f"a{number}@example.org,Ada\n" for number in range(total))
    )
    command = [sys.executable, "manage.py", "send", "--csv", str(file), *TO, "--json"]
    url = POSTGRES.build_url(connection.settings_dict["NAME"])
    environment = {**os.environ, "DATABASE_URL": url}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment)  # noqa: S603  # our own
    try:
        while Notification.objects.count() < 1_000 and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    stored = Notification.objects.count()
    assert 1_000 <= stored < total, "it was not killed midway"
    done = subprocess.run(  # noqa: S603  # our own
        command, cwd=PROJECT, env=environment, capture_output=True, check=True, timeout=100
    )
    answer = json.loads(done.stdout)
    assert (answer["accepted"], answer["replayed"]) == (total - stored, stored)
    rows = Counter(Notification.objects.values_list("request_id", flat=True))
    assert len(rows) == total == Notification.objects.count()
    batch = Batch.objects.get()
    assert batch.notifications.count() == total == batch.answer["accepted"]
