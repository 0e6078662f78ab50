"""Calls side by side: threads wait for providers while the task's own thread keeps the books.

For providers that take one message a request and answer after a while: alone, a worker would make
twenty calls a second where the answer takes 50 ms.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.db import connections

# How long the task's own thread waits for an answer before it looks at its other duties.
TICK_SECONDS = 0.02
_kept = threading.local()  # the pool belongs to the thread that runs tasks
Subject = TypeVar("Subject")
Result = TypeVar("Result")
Job = tuple[Subject, Callable[[], Result]]


def call_side_by_side(
    jobs: Iterable[Job[Subject, Result]], *, at_once: int, meanwhile: Callable[[], None]
) -> Iterator[Job[Subject, Result]]:
    """Make the calls, `at_once` of them at a time, and yield what they were about as they end.

    What is yielded beside it returns what the call returned, or raises what it raised. `meanwhile`
    is called again and again while there is nothing to yield. A job is asked for when there is
    room for it; where `jobs` raises, what is under way is yielded first. Where the caller leaves
    or `meanwhile` raises, nothing more is begun, and this ends when the last call has.
    """
    ended: SimpleQueue[tuple[Subject, Future[Result]]] = SimpleQueue()
    under_way: set[Future[Result]] = set()
    faults: list[Exception] = []
    try:
        for subject, call in _until_fault(jobs, faults):
            under_way.add(_begin(subject, call, ended, at_once))
            if len(under_way) >= at_once:
                yield _take_ended(ended, under_way, meanwhile)
        while under_way:
            yield _take_ended(ended, under_way, meanwhile)
    finally:
        for future in under_way:
            future.exception()  # waits
    for fault in faults:
        raise fault


def _until_fault(
    jobs: Iterable[Job[Subject, Result]], faults: list[Exception]
) -> Iterator[Job[Subject, Result]]:
    try:
        yield from jobs
    except Exception as fault:  # noqa: BLE001  # raised when what is under way has ended
        faults.append(fault)


def _begin(
    subject: Subject,
    call: Callable[[], Result],
    ended: "SimpleQueue[tuple[Subject, Future[Result]]]",
    at_once: int,
) -> Future[Result]:
    """Begin in a copy of this thread's context: its correlation id and trace go along."""
    context = copy_context()
    future = _pool_of(at_once).submit(lambda: context.run(_call_apart, call))
    future.add_done_callback(lambda done: ended.put((subject, done)))
    return future


def _take_ended(
    ended: "SimpleQueue[tuple[Subject, Future[Result]]]",
    under_way: set[Future[Result]],
    meanwhile: Callable[[], None],
) -> Job[Subject, Result]:
    while True:
        try:
            subject, future = ended.get(timeout=TICK_SECONDS)
        except Empty:
            meanwhile()
        else:
            under_way.discard(future)
            return subject, future.result


def _call_apart(call: Callable[[], Result]) -> Result:
    """A database connection of such a thread, a rare thing, would stay open for ever."""
    try:
        return call()
    finally:
        connections.close_all()


def _pool_of(size: int) -> ThreadPoolExecutor:
    """Return this thread's pool; threads are started when they are needed first, and kept."""
    known: tuple[int, ThreadPoolExecutor] | None = getattr(_kept, "pool", None)
    if known is None or known[0] != size:
        if known is not None:
            known[1].shutdown(wait=False)
        known = _kept.pool = (size, ThreadPoolExecutor(size, thread_name_prefix="call"))
    return known[1]
