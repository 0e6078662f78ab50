"""`manage.py chaos` from another terminal: what `make up` sends fails, waits, and goes out."""

import subprocess
import sys

import requests

from tests.e2e.test_embedded import PROJECT, Embedded, embedded

__all__ = ["embedded"]  # the fixture
FAILING_SECONDS = 4


def chaos(notifier: Embedded, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "manage.py", "chaos", *arguments],
        cwd=PROJECT,
        env=notifier.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(notifier: Embedded, path: str) -> list[dict[str, str]]:
    answer = requests.get(
        notifier.url(f"/api/v1{path}"), headers={"X-API-Key": notifier.key}, timeout=10
    )
    found: list[dict[str, str]] = answer.json()["data"]
    return found


def test_a_newcomer_watches_a_retry_a_breaker_and_the_end_of_it(embedded: Embedded) -> None:
    told = chaos(embedded, "--mode", "503", "--for", "2m")
    assert embedded.url("/admin/delivery/circuitbreaker/") in told
    sent = [embedded.post(number) for number in range(8)]
    embedded.wait_until(
        lambda: [each["state"] for each in read(embedded, "/breakers")] == ["open"], limit=30
    )
    timelines = [read(embedded, f"/notifications/{each}/timeline") for each in sent]
    reasons = {event["reason"] for events in timelines for event in events}
    assert {"retry", "breaker_open"} <= reasons
    assert "behaves again" in chaos(embedded, "--mode", "off")
    reset = embedded.url("/api/v1/breakers/capture/reset")
    requests.post(reset, headers={"X-API-Key": embedded.key}, timeout=10).raise_for_status()
    embedded.wait_until(
        lambda: all(f"reader{number}@" in embedded.inbox() for number in range(8)), limit=30
    )


def test_chaos_ends_by_itself(embedded: Embedded) -> None:
    chaos(embedded, "--mode", "refuse", "--for", f"{FAILING_SECONDS}s")
    embedded.post(1)
    embedded.wait_until(lambda: "reader1@" in embedded.inbox(), limit=FAILING_SECONDS + 30)
