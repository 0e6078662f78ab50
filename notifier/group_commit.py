"""What several threads ask for at the same time, done together: the group commit of databases.

One statement with eight rows costs a quarter of eight statements, and one wait for the disc. Who
comes first does it alone and at once; who comes meanwhile waits, and then goes together.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

# A statement may wait long for another's lock: then the others go on without its thread.
PATIENCE_SECONDS: Final = 0.05

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Calls `execute` with up to `most` items of as many threads, in one of these threads.

    `execute` returns a result, or the exception to raise, for each item in its order; what it
    raises itself is raised in all threads whose items it was given.
    """

    def __init__(
        self, execute: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, most: int
    ) -> None:
        self._execute = execute
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Item, Result]] = []
        self._is_led = False

    def submit(self, item: Item) -> Result:
        """Return what became of the item, done together with those of other threads."""
        ticket: _Ticket[Item, Result] = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        while ticket.result is None:
            if not leads:
                ticket.wait()
            self._lead(ticket)
            leads = False
        return ticket.read()

    def _lead(self, ticket: "_Ticket[Item, Result]") -> None:
        """Do the ticket and what else waits, unless somebody else has it already."""
        with self._lock:
            if ticket not in self._waiting:
                return
            self._waiting.remove(ticket)
            others = self._waiting[: self._most - 1]
            del self._waiting[: self._most - 1]
        self._finish([ticket, *others])

    def _finish(self, group: "list[_Ticket[Item, Result]]") -> None:
        results: Sequence[Result | Exception] = [RuntimeError("its thread ended")] * len(group)
        try:
            results = self._execute([ticket.item for ticket in group])
        except Exception as error:  # noqa: BLE001  # raised by `read`, in every thread
            results = [error] * len(group)
        finally:
            with self._lock:
                self._is_led = bool(self._waiting)
                for ticket, result in zip(group, results, strict=True):
                    ticket.result = [result]
                for ticket in [*group, *self._waiting[:1]]:  # who is the next to lead
                    ticket.wake()


class _Ticket(Generic[Item, Result]):
    """One thread's item; its result is in a list of one, since None may be a result."""

    __slots__ = ("_bell", "item", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: list[Result | Exception] | None = None
        self._bell = threading.Lock()
        self._bell.acquire()

    def wait(self) -> None:
        """Wait until it is done, or has to lead: is told so, or who leads is held up."""
        self._bell.acquire(timeout=PATIENCE_SECONDS)

    def wake(self) -> None:
        if self._bell.locked():
            self._bell.release()

    def read(self) -> Result:
        if self.result is None:
            raise RuntimeError("read before its end")
        [result] = self.result
        if isinstance(result, Exception):
            raise result
        return result
