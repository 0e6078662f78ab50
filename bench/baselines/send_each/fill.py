"""Stores and queues pushes: `python -m bench.baselines.send_each.fill NUMBER`."""

import sys

from bench.baselines.send_each.celery_app import TABLES, connect, send_chunk

CHUNK = 100


def main(count: int) -> None:
    for statement in TABLES:
        connect().execute(statement)
    connect().execute(
        "INSERT INTO push (token) SELECT 'device-' || n FROM generate_series(1, %s) AS n", [count]
    )
    for start in range(1, count + 1, CHUNK):
        send_chunk.delay(list(range(start, min(start + CHUNK, count + 1))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
