"""The command `python -m tests.faults`: the fault suite on private servers of its own."""

import argparse
import datetime
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import redis

from deploy.local.packages import POSTGRES, RABBITMQ, REDIS, install_missing
from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import Installation
from tests.faults.registry import Row
from tests.faults.report import (
    Result,
    describe_machine,
    describe_result,
    format_table,
    write_json,
    write_page,
)
from tests.faults.runner import load_rows, open_installation, run_row
from tests.faults.soak import build_soak_row


def main() -> int:
    """Run the rows; the exit code is 1 when one of them failed."""
    signal.signal(signal.SIGTERM, _end)  # or servers and mounted disks would be left behind
    arguments = _parse_arguments()
    seed = arguments.seed or random.SystemRandom().getrandbits(32)
    chosen = _choose_rows(arguments)
    install_missing([POSTGRES, RABBITMQ, REDIS])
    _tell(f"seed {seed}; rows {', '.join(row.number for row in chosen)}")
    run = _run_all(chosen, seed=seed, short=arguments.short, logs=arguments.logs)
    _tell(format_table(run["results"]))
    if arguments.json:
        write_json(run, arguments.json)
    if arguments.write_docs:
        write_page(run, arguments.write_docs)
    return 1 if any(result["problems"] for result in run["results"]) else 0


def _end(*_: object) -> None:
    raise SystemExit(1)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--row", action="append", default=[], metavar="N", help="only this row")
    parser.add_argument("--short", action="store_true", help="the short rows, small numbers")
    parser.add_argument("--soak", action="store_true", help="steady traffic, random faults")
    parser.add_argument("--minutes", type=float, default=60, help="of the soak [60]")
    parser.add_argument("--rate", type=float, default=20, help="its posts a second [20]")
    parser.add_argument("--seed", type=int, help="repeat a run's choices [random]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--write-docs", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep what the roles said")
    return parser.parse_args()


def _choose_rows(arguments: argparse.Namespace) -> list[Row]:
    known = load_rows()
    if arguments.soak:
        rows, rate = list(known.values()), arguments.rate
        return [build_soak_row(rows, minutes=arguments.minutes, rate=rate)]
    if arguments.row:
        return [known[number] for number in arguments.row]
    return [row for row in known.values() if row.short or not arguments.short]


def _run_all(chosen: list[Row], *, seed: int, short: bool, logs: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="notifier-faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as its own user when the suite runs as root
        servers = (Postgres(folder / "pg"), RabbitMQ(folder / "mq"), Redis(folder / "redis"))
        try:
            for server in servers:
                server.start()
            return _run_on(servers, chosen, folder / "run", seed=seed, short=short, logs=logs)
        finally:
            postgres, rabbitmq, cache = servers
            postgres.remove()
            rabbitmq.kill()  # its orderly stop takes six seconds
            rabbitmq.stop()
            cache.kill()


def _run_on(
    servers: tuple[Postgres, RabbitMQ, Redis],
    chosen: list[Row],
    folder: Path,
    *,
    seed: int,
    short: bool,
    logs: Path | None,
) -> dict[str, Any]:
    postgres, rabbitmq, cache = servers
    folder.mkdir()
    results: list[Result] = []
    with open_installation(folder, postgres=postgres, rabbitmq=rabbitmq, redis=cache) as whole:
        versions = _read_versions(postgres, rabbitmq, cache)
        for row in chosen:
            results.append(run_row(row, whole, seed=seed, short=short))
            _tell(_describe_end(results[-1]))
            _keep_log(whole, results[-1], logs)
    today = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).date().isoformat()
    return {
        "date": today,
        "seed": seed,
        "short": short,
        "machine": describe_machine(os.cpu_count() or 1),
        "versions": versions,
        "results": [describe_result(result) for result in results],
    }


def _read_versions(postgres: Postgres, rabbitmq: RabbitMQ, cache: Redis) -> str:
    with psycopg.connect(postgres.url) as connection:
        database = connection.info.parameter_status("server_version")
    with redis.Redis(host="127.0.0.1", port=cache.port) as client:
        keeper = client.info()["redis_version"]
    broker = rabbitmq.ctl("version").strip()
    return f"PostgreSQL {database}, RabbitMQ {broker}, Redis {keeper}"


def _describe_end(result: Result) -> str:
    return f"row {result.row} {result.title}: {result.verdict} in {result.seconds:.0f} s" + (
        "".join(f"\n    {problem}" for problem in result.problems)
    )


def _keep_log(whole: Installation, result: Result, logs: Path | None) -> None:
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / f"row-{result.row}.log").write_text("\n".join(whole.lines) + "\n")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
