"""What operators see of a real run: metrics of every role, one trace, one id through the logs."""

from collections.abc import Iterator

import pytest

from deploy.local.ports import is_free_port, pick_free_port
from deploy.local.roles import MEASURED
from deploy.local.servers import Postgres, RabbitMQ, Redis
from deploy.monitoring.metrics import HISTOGRAMS, METRICS
from tests.deploy.test_monitoring import EXPRESSIONS, find_labels, find_series
from tests.e2e.collector import CollectedSpan, Collector
from tests.e2e.installation import Installation
from tests.e2e.observed import (
    CANARY,
    CORRELATION,
    PARENT,
    TRACE,
    WEBHOOK_KEY,
    Observed,
    Samples,
)
from tests.standins.processes import FcmService, MailApiService, SmtpSink

OTHER_ROLES = ("relay", "email", "push", "status", "dead-letters")
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # kinds of spans, as OTLP numbers them


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    rabbitmq: RabbitMQ,
    redis: Redis,
    mail_api: MailApiService,
    collector: Collector,
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("observed")
    mailgun = f"mailgun://key@/example.org?endpoint={mail_api.url}&webhook_key={WEBHOOK_KEY}"
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={
            "EMAIL_PROVIDERS": f"{mailgun}&name=mailgun",
            "RETRY_BASE_SECONDS": "0.2",
            "METRICS_PORT": str(_pick_ports()),
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        },
    )
    whole.sink.start()
    whole.fcm.start()
    try:
        whole.start("web")
        for name in OTHER_ROLES:
            whole.roles[name].start()
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()
        whole.fcm.kill()


def _pick_ports() -> int:
    """Return the first of as many free ports in a row as roles show their metrics."""
    while True:
        first = pick_free_port()
        if all(is_free_port(first + place) for place in range(len(MEASURED))):
            return first


@pytest.fixture(scope="module")
def observed(
    installation: Installation, collector: Collector, mail_api: MailApiService
) -> Observed:
    port = int(installation.settings["METRICS_PORT"])
    observed = Observed(installation=installation, collector=collector, metrics_port=port)
    mail_api.behave(fail_next=1, code=503, target="mailgun")
    installation.fcm.behave(fail_next=1, fault="reset", target="send")
    observed.play()
    return observed


@pytest.fixture(scope="module")
def samples(observed: Observed) -> Samples:
    return observed.scrape()


def total(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples that have these labels among others."""
    return sum(
        value
        for (found, pairs), value in samples.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


def test_every_metric_of_the_contract_is_there_with_its_labels(samples: Samples) -> None:
    for name, labels in METRICS.items():
        own = f"{name}_count" if name in HISTOGRAMS else name
        found = {frozenset(dict(pairs)) for series, pairs in samples if series == own}
        assert found == {labels}, name


def test_the_numbers_are_those_of_what_happened(samples: Samples) -> None:
    mails, pushes = {"channel": "email"}, {"channel": "push"}
    assert total(samples, "notifier_accepted_total", **mails) == 1
    assert total(samples, "notifier_accepted_total", **pushes) == 2
    calls = "notifier_attempts_total"
    assert total(samples, calls, provider="mailgun", result="transient") == 1
    assert total(samples, calls, provider="mailgun", result="sent") == 1
    assert total(samples, calls, **pushes, result="uncertain") == 1
    assert total(samples, calls, **pushes, result="permanent") == 1
    outcomes = "notifier_outcomes_total"
    assert total(samples, outcomes, **mails, provider="mailgun", status="sent") == 1
    assert total(samples, outcomes, **mails, provider="mailgun", status="delivered") == 1
    assert total(samples, outcomes, **pushes, status="failed") == 1
    assert total(samples, outcomes, status="pending") == 0
    assert total(samples, "notifier_in_doubt_total", **pushes) == 1
    assert total(samples, "notifier_accept_to_sent_seconds_count") == 2
    assert total(samples, "notifier_provider_seconds_count", provider="mailgun") == 2
    assert total(samples, "notifier_relay_published_total") == 5  # three, and two retries
    assert total(samples, "notifier_dead_letters", **pushes) == 1
    assert total(samples, "notifier_pending") == 0
    assert total(samples, "notifier_breaker_state", provider="mailgun") == 0
    assert total(samples, "notifier_cache_hits_total", kind="status") >= 1
    assert total(samples, "notifier_cache_misses_total", kind="status") >= 1
    posts = {"route": "/api/v1/notifications", "method": "POST", "status": "202"}
    assert total(samples, "notifier_http_requests_total", **posts) == 3


def test_no_label_holds_an_id_or_what_is_private(samples: Samples, observed: Observed) -> None:
    labels = str(list(samples))
    assert CANARY not in labels
    assert observed.mail not in labels


def test_a_replaced_process_takes_no_count_with_it(
    samples: Samples, observed: Observed, installation: Installation
) -> None:
    role = installation.roles["email"]
    role.kill()
    role.start()
    installation.wait_until(lambda: not is_free_port(observed.metrics_port + 1), limit=60)
    again = observed.scrape()
    name = "notifier_attempts_total"
    assert total(again, name, channel="email") == total(samples, name, channel="email") == 2
    kept = list((installation.folder / "metrics" / "email").glob("counter_*.db"))
    assert len(kept) <= 1 + 1 + 2  # those that ended, the parent, and its children


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_of_alerts_and_dashboards_finds_its_series(
    expression: str, samples: Samples
) -> None:
    known = {name for name, _ in samples} | {"up"}
    assert find_series(expression) <= known
    labels = {
        label for name, pairs in samples if name in find_series(expression) for label, _ in pairs
    }
    assert find_labels(expression) <= labels | {"job", "instance", "le"}


def test_one_trace_goes_from_the_caller_to_the_receipt(
    observed: Observed, collector: Collector
) -> None:
    observed.installation.wait_until(lambda: len(collector.of_trace(TRACE)) >= 8, limit=30)
    spans = collector.of_trace(TRACE)
    [web] = _named(spans, "POST /api/v1/notifications")
    assert (web.service, web.kind, web.parent) == ("notifier-web", SERVER, PARENT)
    assert web.attributes["http.response.status_code"] == 202
    published, delivered = _named(spans, "publish"), _named(spans, "deliver")
    assert [(each.service, each.kind) for each in published] == [("notifier-relay", PRODUCER)] * 2
    assert [(each.service, each.kind) for each in delivered] == [("notifier-worker", CONSUMER)] * 2
    [receipt] = _named(spans, "receipt")
    assert {each.parent for each in (*published, *delivered, receipt)} == {web.span}
    calls = _named(spans, "send email")
    assert {each.parent for each in calls} == {each.span for each in delivered}
    assert all(each.kind == CLIENT for each in calls)
    assert sorted(each.attributes.get("error.type", "") for each in calls) == ["", "http_503"]
    [webhook] = _named(collector.spans, "POST /api/v1/webhooks/<str:provider>")
    assert webhook.links == (TRACE,)
    assert webhook.trace != TRACE


def test_no_span_holds_what_is_private(observed: Observed, collector: Collector) -> None:
    assert observed.mail.encode() in b"".join(collector.bodies)
    assert CANARY.encode() not in b"".join(collector.bodies)


def test_one_id_leads_through_the_logs_of_every_role(observed: Observed) -> None:
    lines = [
        (role, line)
        for role, line in observed.log_lines()
        if line.get("correlation_id") == CORRELATION
    ]
    told = {(role, line["event"]) for role, line in lines}
    assert told >= {
        ("web", "answered"),
        ("relay", "published"),
        ("email", "provider_refused"),
        ("email", "provider_called"),
        ("web", "receipt_stored"),
    }
    traced = {line.get("trace_id") for role, line in lines if role == "email"}
    assert traced == {TRACE}
    assert CANARY not in "".join(observed.installation.lines)


def test_without_its_collector_everything_goes_on_and_says_so_once(
    observed: Observed, collector: Collector
) -> None:
    installation = observed.installation
    collector.close()
    for number in range(3):
        sent = installation.accept(
            {
                "notification_type": "email",
                "to": {"email": f"later{number}@example.org"},
                "content": {"subject": "Later", "text": "Hello"},
            }
        )
        assert installation.wait_for_final(sent, limit=60) == "sent"
    installation.wait_until(lambda: bool(_complaints(observed)), limit=60)
    processes = {"web": 2, "relay": 1, "email": 2, "push": 2, "status": 1, "dead-letters": 1}
    complaints = _complaints(observed)
    assert all(complaints.count(role) <= number for role, number in processes.items())
    assert "Traceback" not in "".join(installation.lines)


def _complaints(observed: Observed) -> list[str]:
    told = observed.log_lines()
    return [role for role, line in told if line["event"] == "traces_not_exported"]


def _named(spans: list[CollectedSpan], name: str) -> list[CollectedSpan]:
    return [span for span in spans if span.name == name]
