"""Clients that post through a fault: bounded, and stubborn with the same request_id."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from tests.e2e.installation import Installation

PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 0.25
ACCEPTED = {200, 202}
# A web process that was killed may leave half an answer: also a reason to ask again.
CONNECTION_TROUBLE = (
    requests.ConnectionError,
    requests.Timeout,
    requests.JSONDecodeError,
    requests.exceptions.ChunkedEncodingError,
)
Build = Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request: when it began (monotonic), its status and how long it took."""

    begun_at: float
    code: int
    seconds: float


def build_mail(number: int) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "to": {"email": f"reader{number}@example.org"},
        "content": {"subject": f"Order {number}", "text": "It is on its way"},
    }


def build_push(number: int) -> dict[str, Any]:
    return {
        "notification_type": "push",
        "to": {"push_token": f"device-{number}", "platform": "android"},
        "content": {"title": f"Order {number}", "body": "It is on its way"},
    }


def build_mixed(number: int) -> dict[str, Any]:
    """Return three mails for every push."""
    return build_push(number) if number % 4 == 0 else build_mail(number)


class Traffic:
    """`count` posts at `rate` a second from `threads` clients; each is repeated until accepted."""

    def __init__(
        self,
        installation: Installation,
        *,
        count: int,
        rate: float,
        prefix: str,
        build: Build = build_mixed,
        threads: int = 4,
    ) -> None:
        self.accepted: list[str] = []
        self.answers: list[Answer] = []
        self.unanswered: list[int] = []
        self.wrong: Counter[str] = Counter()
        self._installation = installation
        self._prefix = prefix
        self._build = build
        self._rate = rate
        self._begun_at = time.monotonic()
        self._sessions = threading.local()
        self._pool = ThreadPoolExecutor(max_workers=threads)
        self._posts: list[Future[None]] = [
            self._pool.submit(self._post_until_accepted, number) for number in range(count)
        ]

    def finish(self) -> None:
        """Wait for every post's end; raises what a client could not cope with."""
        for post in self._posts:
            post.result()
        self._pool.shutdown()

    def end(self) -> None:
        """Post no more; return once what is under way is accepted."""
        self._posts = [post for post in self._posts if not post.cancel()]
        self.finish()

    def has_begun(self, count: int) -> bool:
        return len(self.accepted) >= count

    def is_over(self) -> bool:
        return all(post.done() for post in self._posts)

    def _post_until_accepted(self, number: int) -> None:
        time.sleep(max(0.0, self._begun_at + number / self._rate - time.monotonic()))
        body = {**self._build(number), "request_id": f"{self._prefix}-{number}"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self._post(body):
                return
            time.sleep(PAUSE_SECONDS)
        self.unanswered.append(number)

    def _post(self, body: dict[str, Any]) -> bool:
        begun_at = time.monotonic()
        try:
            answer = self._installation.post("/notifications", body, session=self._session())
            content = answer.json()
        except CONNECTION_TROUBLE as error:
            self.wrong[type(error).__name__] += 1
            self._sessions.session = None
            return False
        code = answer.status_code
        self.answers.append(Answer(begun_at, code, time.monotonic() - begun_at))
        if code in ACCEPTED:
            self.accepted.append(content["data"]["notification_id"])
            return True
        if not is_honest_refusal(answer):
            self.wrong[f"HTTP {code}: {content.get('message')}"] += 1
        return False

    def _session(self) -> requests.Session:
        if getattr(self._sessions, "session", None) is None:
            self._sessions.session = requests.Session()
        session: requests.Session = self._sessions.session
        return session


def is_honest_refusal(answer: requests.Response) -> bool:
    """Tell whether a refusal is what the contract says: 503 in the envelope with Retry-After."""
    content = answer.json()
    return (
        answer.status_code == requests.codes.unavailable
        and content.get("error") == "unavailable"
        and content.get("success") is False
        and answer.headers.get("Retry-After", "").isdecimal()
    )
