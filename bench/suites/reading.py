"""Reads over 16 connections: the status of notifications, users and templates."""

from bench import content
from bench.bench_run import BenchRun, Variant
from bench.load.wrk import HttpOrder
from bench.measured import Measured
from bench.product import API, Product, build_mail_order, run_product
from bench.suites.accepting import load_web

NOTIFICATIONS = 200


def read_ours(what: str) -> Variant:
    """Return the variant that reads `status`, `user` or `template`."""

    def measure(run: BenchRun) -> Measured:
        with run_product(run) as product:
            path, values = _CHOICES[what](product)
            order = HttpOrder(
                port=product.port,
                method="GET",
                path=f"{API}{path}",
                header=f"X-API-Key: {product.seed.key}",
                values=values,
            )
            return load_web(run, product.crew, order, profile_as=f"read-{what}")

    return measure


def _choose_statuses(product: Product) -> tuple[str, list[str]]:
    with product.open_client() as client:
        ids = [
            str(client.post("/notifications", order)["data"]["notification_id"])
            for order in (
                build_mail_order(mark=f"read-{number}", user_id=product.seed.user_ids[0])
                for number in range(NOTIFICATIONS)
            )
        ]
    return "/notifications/@VALUE@/status", ids


def _choose_users(product: Product) -> tuple[str, list[str]]:
    return "/users/@VALUE@", list(product.seed.user_ids)


def _choose_templates(_product: Product) -> tuple[str, list[str]]:
    return "/templates/@VALUE@", [content.TEMPLATE_CODE, content.PUSH_TEMPLATE_CODE]


_CHOICES = {"status": _choose_statuses, "user": _choose_users, "template": _choose_templates}
