"""Generators of few requests: bulk bodies as fast as they are taken, and single posts by clock."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.api_client import ApiClient


def send_bodies(
    open_client: Callable[[], ApiClient], path: str, bodies: Sequence[bytes], *, clients: int
) -> float:
    """Post ready bodies from so many clients at once and return the seconds that it took."""

    def send(share: Sequence[bytes]) -> None:
        with open_client() as client:
            for body in share:
                client.send(path, body)

    with ThreadPoolExecutor(max_workers=clients) as pool:
        begun_at = time.monotonic()
        list(pool.map(send, [bodies[number::clients] for number in range(clients)]))
    return time.monotonic() - begun_at


def encode_bodies(bodies: Iterator[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(body).encode() for body in bodies]


def post_by_clock(
    post: Callable[[str], object], marks: Sequence[str], *, per_second: float
) -> dict[str, float]:
    """Call `post` with each mark at its time and return when, by CLOCK_MONOTONIC.

    A post that is late does not put off the next: the pace is the clock's.
    """
    sent_at: dict[str, float] = {}
    first = time.monotonic()
    for number, mark in enumerate(marks):
        time.sleep(max(0.0, first + number / per_second - time.monotonic()))
        sent_at[mark] = time.monotonic()
        post(mark)
    return sent_at
