"""Canaries: what is private passes through the whole running system, and is then searched for.

Everything that is written is read: the lines of every process, every table, every message of the
broker, every key of Redis, and what Flower shows. It must be in none of them.
"""

import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests
from amqp import Connection
from kombu.utils.url import parse_url
from redis import Redis as RedisClient

from deploy.local.ports import pick_free_port
from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import FINAL, Installation
from tests.standins.processes import FcmService, SmtpSink, read_mail

# Every value below contains it; where somebody wrote one of them down, it is found.
NEEDLE = "canary"
ADDRESS = "canary.lovelace@example.org"
BARE = "canary.bare@example.org"
REFUSED = "bounce550@example.org"  # the stand-in knows it by this name alone
PASSWORD = "canary-password-of-ada"  # noqa: S105  # a canary
DEVICE = "canary-token-of-the-device-of-ada"
TOKEN = "canary-token-of-nobodys-device"  # noqa: S105  # a canary
ACCOUNT = {"name": "Canary Lovelace", "email": ADDRESS, "password": PASSWORD, "push_token": DEVICE}
MAIL = {"notification_type": "email", "metadata": {"of": "canary"}}
PUSH = {"notification_type": "push", "content": {"title": "A canary", "body": "canary"}}
WORKERS, STATUS, FAILED = ("email", "push"), ("status", "flower"), ("dead-letters", "beat")


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("canaries")
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={"LOG_FORMAT": "json", "FLOWER_PORT": str(pick_free_port())},
    )
    whole.sink.start()
    whole.fcm.start()
    try:
        whole.start("web", "relay")
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()
        whole.fcm.kill()


def find_needles(text: str, *secrets: str) -> list[str]:
    """Return what surrounds every canary in a text, plain, quoted for a URL or in base64."""
    needles = [NEEDLE, NEEDLE.encode().hex(), *map(_as_base64, range(3)), *secrets]
    needles += [quote(secret, safe="") for secret in secrets]
    pattern = "|".join(map(re.escape, needles))
    return [
        text[max(0, m.start() - 80) : m.end() + 40]
        for m in re.finditer(pattern, text, re.IGNORECASE)
    ]


def _as_base64(offset: int) -> str:
    """Return the part of the needle's base64 that does not depend on what stands around it."""
    encoded = b64encode(b"\0" * offset + NEEDLE.encode()).decode().rstrip("=")
    whole = (offset + len(NEEDLE)) * 8 // 6
    return encoded[-(-offset * 8 // 6) : whole]


def read_messages(installation: Installation, queue: str) -> str:
    """Return bodies and headers of what waits in a queue, and leave it there."""
    url = parse_url(installation.rabbitmq.url)
    with Connection(
        f"{url['hostname']}:{url['port']}", userid=url["userid"], password=url["password"]
    ) as connection:
        channel = connection.channel()
        found = iter(lambda: channel.basic_get(queue), None)
        return "\n".join(f"{each.body!r} {each.headers} {each.properties}" for each in found)


def dump_database(installation: Installation) -> str:
    """Return every table as text, as pg_dump writes it."""
    with psycopg.connect(installation.environment()["DATABASE_URL"]) as connection:
        tables = connection.execute(
            "SELECT quote_ident(relname) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        return "\n".join(_copy_table(connection, name) for (name,) in tables)


def _copy_table(connection: "psycopg.Connection[Any]", name: str) -> str:
    with connection.cursor().copy(f"COPY {name} TO STDOUT".encode()) as rows:
        return b"".join(bytes(part) for part in rows).decode()


def dump_redis(installation: Installation) -> str:
    client = RedisClient.from_url(installation.redis.url)
    readers: dict[Any, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return "\n".join(f"{key!r} {readers[client.type(key)](key)!r}" for key in client.scan_iter())


def register(installation: Installation) -> str:
    """Have a person register, mistake its password, and sign in; return its id."""
    url = f"http://127.0.0.1:{installation.port}/api/v1"
    created = requests.post(f"{url}/auth/register", json=ACCOUNT, timeout=10)
    assert created.status_code == requests.codes.created, created.text
    for password in ("canary-wrong", PASSWORD):
        login = {"email": ADDRESS, "password": password}
        requests.post(f"{url}/auth/login", json=login, timeout=10)
    return str(created.json()["data"]["user"]["id"])


def ask(installation: Installation, user_id: str) -> list[str]:
    """Ask for one notification of each kind; return their ids."""
    bodies: list[dict[str, Any]] = [
        MAIL | {"user_id": user_id, "template_code": "news", "variables": {"name": "canary"}},
        MAIL | {"to": {"email": BARE}, "content": {"subject": "A canary", "text": "canary"}},
        MAIL | {"to": {"email": REFUSED}, "content": {"subject": "x", "text": "canary"}},
        PUSH | {"user_id": user_id},
        PUSH | {"to": {"push_token": TOKEN, "platform": "ios"}, "request_id": "order-1"},
    ]
    bulk = {
        "notification_type": "email",
        "template_code": "news",
        "recipients": [
            {"to": {"email": BARE}, "variables": {"name": "canary"}},
            {"to": {"email": "canary is no address"}, "variables": {"name": "canary"}},
        ],
    }
    assert installation.post("/notifications/bulk", bulk).ok
    return [installation.accept(body) for body in bodies]


def look_around(installation: Installation, user_id: str) -> None:
    """Read by address, suppress, be refused: each is written down somewhere."""
    for path in (f"/users/email/{ADDRESS}", f"/notifications?recipient={quote(BARE)}"):
        assert installation.request("GET", path).ok
    for path in ("/users/email/canary@nowhere.org", f"/users?email={ADDRESS}&page=canary"):
        installation.request("GET", path)
    entry = {"address": "canary.off@example.org", "note": "canary asked for it"}
    assert installation.post("/suppressions", entry).ok
    installation.request("PATCH", f"/users/{user_id}", json={"name": "Canary Byron"})
    installation.post("/users", ACCOUNT)  # taken: the database refuses it


def test_nothing_private_is_written_anywhere(installation: Installation) -> None:
    installation.post(
        "/templates",
        {
            "code": "news",
            "channel": "email",
            "kind": "marketing",
            "name": "News",
            "content": {"subject": "News", "text": "Hello {{ name }}"},
        },
    )
    user_id = register(installation)
    ids = ask(installation, user_id)
    look_around(installation, user_id)
    written: dict[str, str] = {}
    installation.wait_until(lambda: "queued" in states(installation, ids), limit=20)
    for queue in ("email.queue", "push.queue"):
        written[queue] = read_messages(installation, queue)
    start(installation, WORKERS)
    installation.wait_until(lambda: states(installation, ids) <= FINAL, limit=60)
    written["notification_status"] = read_messages(installation, "notification_status")
    start(installation, STATUS)
    report = {"notification_id": ids[1], "status": "failed", "error": f"no mailbox {BARE}"}
    assert installation.post("/notifications/status", report).ok
    installation.wait_until(lambda: installation.status(ids[1]) == "failed", limit=30)
    installation.wait_until(lambda: bool(read_messages(installation, "failed.queue")), limit=30)
    written["failed.queue"] = read_messages(installation, "failed.queue")
    written["redis"] = dump_redis(installation)
    start(installation, FAILED)
    written["database"] = dump_database(installation)
    written["flower"] = ask_flower(installation)
    written["metrics"] = read_metrics(installation)
    written["logs"] = "\n".join(installation.lines)
    assert all(written.values()), "something was not read"
    found = {each: find_needles(text, installation.key, REFUSED) for each, text in written.items()}
    assert not any(found.values()), found
    assert ids[0] in written["email.queue"]
    assert "b***@example.org" in written["database"]  # masked, where a provider quoted it


def states(installation: Installation, ids: list[str]) -> set[str]:
    return {installation.status(each) for each in ids}


def start(installation: Installation, names: tuple[str, ...]) -> None:
    for name in names:
        installation.roles[name].start()


def ask_flower(installation: Installation) -> str:
    """Return the tasks that Flower knows, with their arguments."""
    url = f"http://127.0.0.1:{installation.settings['FLOWER_PORT']}/api/tasks"
    login = ("admin", "for-tests-only")

    def answers() -> bool:
        try:
            return requests.get(url, auth=login, timeout=5).ok
        except requests.RequestException:
            return False

    installation.wait_until(answers, limit=30)
    return requests.get(url, auth=login, timeout=5).text


def read_metrics(installation: Installation) -> str:
    url = f"http://127.0.0.1:{installation.port}/metrics"
    return requests.get(url, headers={"X-API-Key": installation.key}, timeout=5).text


def test_the_canaries_did_arrive(installation: Installation) -> None:
    """Else the search above would prove nothing: the providers got all of it."""
    mails = [read_mail(each) for each in installation.sink.messages(outcome="accepted")]
    assert {str(mail["To"]) for mail in mails} == {ADDRESS, BARE}
    assert all("canary" in str(mail.get_body()) for mail in mails)
    pushes = str(installation.fcm.messages(kind="send"))
    assert DEVICE in pushes
    assert TOKEN in pushes


def test_the_link_to_unsubscribe_does_not_tell_the_address(installation: Installation) -> None:
    mails = [read_mail(each) for each in installation.sink.messages(outcome="accepted")]
    links = [str(mail["List-Unsubscribe"]) for mail in mails if mail["List-Unsubscribe"]]
    assert links
    for link in links:
        token = link.strip("<>").rpartition("/")[2]
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        assert NEEDLE.encode() not in raw
        assert find_needles(link) == []


def test_the_search_finds_a_canary_in_every_form() -> None:
    for text in ("a Canary", "x" + b64encode(b"..canary..").decode(), quote("é canary")):
        assert find_needles(text), text
    assert find_needles("a/b ntf/x", "ntf/x")
    assert find_needles("ntf%2Fx", "ntf/x")
