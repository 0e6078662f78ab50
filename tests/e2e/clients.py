"""Clients behind a balancer: they post without pause, and keep what they were answered."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

THREADS = 4


@dataclass(frozen=True, slots=True)
class Posted:
    """One post: its number, the status (0: no answer) and how long that took."""

    number: int
    code: int
    seconds: float


@dataclass(kw_only=True)
class Clients:
    """Posts mails and pushes in turn to `addresses`, which the balancer may change at any time."""

    key: str
    addresses: list[str]
    pause_seconds: float
    posted: list[Posted] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        self._threads = [threading.Thread(target=self._post_on) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _post_on(self) -> None:
        with requests.Session() as session:
            session.headers["X-API-Key"] = self.key
            while not self._ended.wait(self.pause_seconds):
                self.posted.append(self._post(session, next(self._numbers)))

    def _post(self, session: requests.Session, number: int) -> Posted:
        address = self.addresses[number // 2 % len(self.addresses)]
        begun_at = time.monotonic()
        try:
            url = f"{address}/api/v1/notifications"
            code = session.post(url, json=build_body(number), timeout=20).status_code
        except requests.RequestException:
            code = 0
        return Posted(number, code, time.monotonic() - begun_at)


def build_body(number: int) -> dict[str, Any]:
    """Return a mail for every even number and a push for every odd one."""
    if number % 2:
        to = {"push_token": f"upgraded-{number}", "platform": "android"}
        content = {"title": "Hello", "body": str(number)}
        return {"notification_type": "push", "to": to, "content": content}
    to = {"email": f"upgraded{number}@example.org"}
    content = {"subject": f"Hello {number}", "text": "Hello"}
    return {"notification_type": "email", "to": to, "content": content}
