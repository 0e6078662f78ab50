"""Rows 15, 16b: the wire to a provider hangs, drips, breaks, lies, or is not to be trusted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.local.processes import list_descendants
from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail
from tests.standins.processes import SmtpSink, TcpProxy

# Once the provider has got this, it may have taken the message.
HANDED_OVER = {"email": "\r\n.\r\n", "push": "messages:send"}
WIRE_FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "hang"},
    {"fault": "drip", "bytes_per_second": 1.0},
    {"fault": "half_close"},
    {"fault": "reset"},
    {"fault": "garbage"},
)
LONGEST_ATTEMPT_SECONDS = 10.0
FAILOVER_SECONDS = 10.0
# Short times, so that each fault is met by many calls; and retries that last through all of them.
SETTINGS = {
    "SEND_LEASE_SECONDS": "12",
    "BREAKER_RESET_SECONDS": "2",
    "RETRY_MAX": "20",
    "RETRY_CAP_SECONDS": "4",
}
_LONGEST_ATTEMPT = (
    "SELECT max(extract(epoch FROM ended - at)) AS seconds FROM (SELECT status, at, lead(at)"
    " OVER (PARTITION BY notification_id ORDER BY id) AS ended"
    " FROM notifications_notificationevent) AS story WHERE status = 'sending'"
)


@fault_row("15", "hang, drip, half-close, reset, garbage, no connection, no name", settle=150)
def break_wires(field: Field) -> None:
    wires = _lay_wires(field)
    threads = _count_threads(field)
    faults = list(_list_faults())
    seconds = field.size(7, 3)
    traffic = field.begin_traffic(len(faults) * (seconds + 3) * 5, rate=5)
    with field.fault():
        for fault, early in faults:
            for channel, wire in wires.items():
                text = "" if early else HANDED_OVER[channel]
                wire.behave(**fault, **({"after_text": text} if "fault" in fault else {}))
            field.pause(seconds, seconds + 1)
            for wire in wires.values():
                wire.behave()
            field.pause(1, 2)
        field.installation.fcm.behave(
            fail_next=2, code=200, target="send"
        )  # an error all the same
        traffic.finish()
    _expect_bounded(field, threads)
    _fail_over_from_no_name(field, wires["email"])


def _list_faults() -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each fault from the first byte (True), and after the message was handed over."""
    yield {"refuse": True}, True
    for fault in WIRE_FAULTS:
        yield fault, True
        yield fault, False


def _lay_wires(field: Field) -> dict[str, TcpProxy]:
    whole = field.installation
    email = field.add_server(TcpProxy(whole.folder / "wire-email", target=whole.sink.port))
    push = field.add_server(TcpProxy(whole.folder / "wire-push", target=whole.fcm.port))
    account = whole.folder / "service-account.json"
    field.vary_role("email", EMAIL_PROVIDERS=_name_mail_server(email.port), **SETTINGS)
    fcm = f"fcm://{account}?endpoint={push.url}&timeout=2"
    field.vary_role("push", PUSH_PROVIDERS=fcm, **SETTINGS)
    return {"email": email, "push": push}


def _name_mail_server(port: int) -> str:
    return f"smtp://127.0.0.1:{port}?timeout=2"


def _count_threads(field: Field) -> int:
    pids = [field.installation.roles[name].pid for name in ("email", "push")]
    children = [child.pid for pid in pids for child in list_descendants(pid)]
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in (*pids, *children))


def _expect_bounded(field: Field, threads_before: int) -> None:
    longest = float(query(field.installation, _LONGEST_ATTEMPT)[0]["seconds"])
    threads = _count_threads(field)
    field.facts |= {"longest attempt s": round(longest, 1)}
    field.facts["threads before and after"] = f"{threads_before} {threads}"
    field.expect(longest <= LONGEST_ATTEMPT_SECONDS, f"an attempt took {longest:.1f} s")
    field.expect(threads <= threads_before, f"{threads} threads, {threads_before} before")


def _fail_over_from_no_name(field: Field, wire: TcpProxy) -> None:
    nowhere = "smtp://mail.invalid:25?tls=none&timeout=2"
    providers = f"{nowhere},{_name_mail_server(wire.port)}"
    field.vary_role("email", EMAIL_PROVIDERS=providers, **SETTINGS)
    fresh = field.accept(build_mail(0))
    waited = field.wait_until(lambda: field.count_deliveries()[fresh] > 0, limit=60)
    field.facts["failover from an unknown host s"] = round(waited, 2)
    field.expect(waited <= FAILOVER_SECONDS, f"the second provider was asked after {waited:.0f} s")


@fault_row("16b", "STARTTLS stripped, certificate not trusted", doubts=False)
def refuse_insecure_wires(field: Field) -> None:
    folder = field.installation.folder
    sink = field.add_server(SmtpSink(folder / "starttls", starttls=True))
    wire = field.add_server(TcpProxy(folder / "wire-starttls", target=sink.port))
    wire.behave(hide="STARTTLS")
    trusted = f"?tls=starttls&ca_file={sink.certificate}&name=stripped"
    with field.fault():
        _expect_parked(field, f"smtp://127.0.0.1:{wire.port}{trusted}", "starttls_not_offered")
        untrusted = f"smtp://127.0.0.1:{sink.port}?tls=starttls&name=untrusted"
        _expect_parked(field, untrusted, "tls_failed")
        field.expect(not sink.messages(), "a mail left over an insecure connection")
        field.restore_role("email")


def _expect_parked(field: Field, provider: str, error_code: str) -> None:
    """The mail waits, undelivered, for an operator."""
    field.vary_role("email", EMAIL_PROVIDERS=provider)
    parked = field.accept(build_mail(0))
    field.wait_until(lambda: len(field.installation.timeline(parked)) > 3, limit=30)
    last = field.installation.timeline(parked)[-1]
    found = (last["status"], last["reason"], last["error_code"])
    field.expect(found == ("pending", "misconfigured", error_code), f"ended as {found}")
