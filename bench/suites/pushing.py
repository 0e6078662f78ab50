"""Push delivery to a stand-in of FCM: ours, and firebase-admin's send_each in a lean worker."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import content
from bench.bench_run import BenchRun, Variant
from bench.crew import python_role
from bench.load.posting import encode_bodies, send_bodies
from bench.measured import Measured
from bench.product import run_product
from bench.progress import Progress, follow
from bench.standins.sinks import run_push_service

PROCESSES = 2
ROWS_PER_REQUEST = 1_000
SEND_EACH = "bench.baselines.send_each"


def push_ours(latency_ms: int) -> Variant:
    """Return the variant whose provider answers after so many milliseconds."""

    def measure(run: BenchRun) -> Measured:
        account = write_account(run.ground.folder / "service-account.json")
        with run_push_service(run.ground.folder, latency_ms=latency_ms) as service:
            provider = f"fcm://{account}?endpoint={service.url}"
            with run_product(run, PUSH_PROVIDERS=provider) as product:
                bodies = encode_bodies(build_push_orders(run.sizes.pushes))
                path = "/notifications/bulk"
                send_bodies(product.open_client, path, bodies, clients=2)
                with run.window(product.crew, standin=service.pid) as watch:
                    product.start_roles("push", "status", "relay")
                    progress = follow(
                        service,
                        run.sizes.pushes,
                        crew=product.crew,
                        limit=run.sizes.patience_seconds,
                    )
                    return _report(progress, watch.read_percent())

    return measure


def push_send_each(latency_ms: int) -> Variant:
    def measure(run: BenchRun) -> Measured:
        total = run.sizes.slow_pushes
        with run_push_service(run.ground.folder, latency_ms=latency_ms) as service:
            environment = {
                **os.environ,
                "DATABASE_URL": run.ground.renew_database("bench_send_each"),
                "BROKER_URL": run.ground.renew_broker("send_each"),
                "PUSH_URL": service.url,
            }
            where = ("-A", f"{SEND_EACH}.celery_app", "worker", "-c", str(PROCESSES))
            crew = run.ground.make_crew()
            fill = python_role("fill", "-m", f"{SEND_EACH}.fill", str(total))
            crew.run(fill, environment=environment)
            try:
                with run.window(crew, standin=service.pid) as watch:
                    worker = python_role("celery", "-m", "celery", *where)
                    crew.start(worker, environment=environment)
                    progress = follow(service, total, crew=crew, limit=run.sizes.patience_seconds)
                    return _report(progress, watch.read_percent())
            finally:
                crew.stop()

    return measure


def _report(progress: Progress, cpu: dict[str, float]) -> Measured:
    rate = progress.rate()
    return Measured(figures={"rate": rate, "rate_per_worker": rate / PROCESSES}, cpu=cpu)


def build_push_orders(total: int) -> Iterator[dict[str, Any]]:
    for start in range(0, total, ROWS_PER_REQUEST):
        yield {
            "notification_type": "push",
            "template_code": content.PUSH_TEMPLATE_CODE,
            "recipients": [
                {
                    "to": {"push_token": f"device-{number}", "platform": "android"},
                    "variables": content.build_variables(f"push-{number}"),
                }
                for number in range(start, min(start + ROWS_PER_REQUEST, total))
            ],
        }


def write_account(path: Path) -> Path:
    """Write a service account whose key nobody knows, where there is none yet."""
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": "bench",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "notifier@bench.example.org",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(account))
    return path
