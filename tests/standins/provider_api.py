"""What the stand-ins of HTTP providers share: faults, and what is recorded of a call."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.standins.control import HANG_SECONDS, Standin
from tests.standins.http_server import Answer, ConnectionCut, Request

USUAL_STATUS = 503
GARBAGE = Answer(body=b"<html>gateway", headers={"Content-Type": "text/html"})

# Makes a provider's own error body of a status.
ErrorBody = Callable[[int], Answer]


class Call:
    """One API call: what it asks and what becomes of it, recorded exactly once."""

    def __init__(self, standin: Standin, request: Request, *, kind: str, content: Any) -> None:
        self._standin = standin
        self._request = request
        self.kind = kind
        self.content = content

    def record(self, outcome: str, *, status: int, **facts: Any) -> None:
        self._standin.journal.record(
            self.kind,
            outcome=outcome,
            status=status,
            path=self._request.path,
            headers=self._request.headers,
            connection=self._request.connection,
            content=self.content,
            **facts,
        )

    def conclude(self, answer: Answer, **facts: Any) -> Answer:
        """Record the answer as accepted or refused by its status, and return it."""
        outcome = "accepted" if answer.status < 300 else "refused"
        self.record(outcome, status=answer.status, **facts)
        return answer

    async def meet_fault(self, *, describe_error: ErrorBody) -> Answer | None:
        """Wait the latency and return the fault's answer, or None when the call may go on.

        A hang and a reset give none: the caller cannot know whether the message was taken.
        """
        await self._standin.wait_latency()
        return await self.suffer(
            self._standin.behaviour.take_fault(self.kind),
            describe_error=describe_error,
            status=self._standin.behaviour.code or USUAL_STATUS,
            retry_after=self._standin.behaviour.retry_after,
        )

    async def suffer(
        self, fault: str, *, describe_error: ErrorBody, status: int, retry_after: str
    ) -> Answer | None:
        """Do to the call what a fault of behaviour.FAULTS says; "" does nothing."""
        match fault:
            case "hang":
                self.record("hang", status=0)
                await asyncio.sleep(HANG_SECONDS)
            case "reset":
                self.record("reset", status=0)
                raise ConnectionCut
            case "garbage":
                self.record("garbage", status=GARBAGE.status)
                return GARBAGE
            case "status":
                return self.conclude(_add_retry_after(describe_error(status), retry_after))
        return None


def _add_retry_after(answer: Answer, retry_after: str) -> Answer:
    wait = {"Retry-After": retry_after} if retry_after else {}
    return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **wait})
