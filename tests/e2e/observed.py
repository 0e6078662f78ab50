"""One run of an installation that is measured, traced and logged: what the tests of it look at."""

import json
from dataclasses import dataclass
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.roles import MEASURED
from tests.e2e.collector import Collector
from tests.e2e.installation import Installation
from tests.integration.webhooks.signing import mailgun_event, sign_mailgun

CANARY = "canary-4711"
CORRELATION = "one-id-from-end-to-end"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
WEBHOOK_KEY = "key-of-the-webhook-canary-4711"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(kw_only=True)
class Observed:
    """What happened: one mail retried and delivered, a push in doubt and sent, one given up."""

    installation: Installation
    collector: Collector
    metrics_port: int
    mail: str = ""

    def play(self) -> None:
        self.mail = self._send_mail()
        in_doubt = self._send_push("device-1")
        self.installation.wait_for_final(in_doubt, limit=90)  # the workers are still starting
        refused = self._send_push("UNREGISTERED:device-2")
        self.installation.wait_for_final(refused, limit=60)
        self.installation.wait_for_final(self.mail, limit=60)
        self._report_delivery()
        self.installation.wait_until(self._is_delivered, limit=60)
        for _ in range(2):
            self.installation.status(refused)
        self.installation.get(f"/notifications/{self.mail}")

    def _send_mail(self) -> str:
        body = {
            "notification_type": "email",
            "to": {"email": f"{CANARY}@example.org"},
            "content": {"subject": f"{CANARY} {{{{ name }}}}", "text": "Hello"},
            "variables": {"name": CANARY},
        }
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Correlation-ID": CORRELATION}
        return self.installation.accept(body, headers=headers)

    def _send_push(self, token: str) -> str:
        to = {"push_token": f"{token}-{CANARY}", "platform": "android"}
        content = {"title": "Hello", "body": CANARY}
        body = {"notification_type": "push", "to": to, "content": content}
        return self.installation.accept(body)

    def _report_delivery(self) -> None:
        event = mailgun_event("delivered", notification_id=self.mail)
        posted = sign_mailgun(event, key=WEBHOOK_KEY)
        address = f"http://127.0.0.1:{self.installation.port}/api/v1/webhooks/mailgun"
        headers = {"Content-Type": "application/json"}
        answer = requests.post(address, data=posted["data"], headers=headers, timeout=5)
        assert answer.ok, answer.text

    def _is_delivered(self) -> bool:
        return self.installation.status(self.mail) == "delivered"

    def scrape(self) -> Samples:
        """Return what every endpoint of the installation shows, added up."""
        web = f"http://127.0.0.1:{self.installation.port}/metrics"
        ports = range(self.metrics_port, self.metrics_port + len(MEASURED))
        found: Samples = read_samples(f"{web}?part=shared")
        for address in (f"{web}?part=process", *(f"http://127.0.0.1:{port}/" for port in ports)):
            for key, value in read_samples(address).items():
                found[key] = found.get(key, 0) + value
        return found

    def log_lines(self) -> list[tuple[str, dict[str, Any]]]:
        """Return (role, line) of what the roles have logged as JSON."""
        split = (line.partition(": ") for line in self.installation.lines)
        return [(role, json.loads(text)) for role, _, text in split if text.startswith("{")]


def read_samples(address: str) -> Samples:
    answer = requests.get(address, timeout=5)
    assert answer.ok, address
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
