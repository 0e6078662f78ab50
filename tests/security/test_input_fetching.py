"""What a mail or push names is never fetched by us: nobody's content makes us call anywhere."""

import socket
import threading
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client

from apps.delivery.models import CapturedMessage
from apps.delivery.services.inbox import restore_email, write_source
from apps.delivery.tasks import deliver_email, deliver_push
from apps.notifications.models import Notification
from apps.notifications.models.transitions import take_due
from notifier.authentication import SCOPES
from tests.factories import make_organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import accept, mail, push


class Listener:
    """A server that would notice a fetch: it counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.calls = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def count_fetches(self) -> int:
        """Return how many connected, after one of our own: they are counted in their order."""
        socket.create_connection(self._socket.getsockname(), timeout=5).close()
        deadline = time.monotonic() + 10
        while self.calls == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.calls, "it does not even notice ours"
        return self.calls - 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


@pytest.fixture
def caller(db: None) -> Caller:
    return key_of(make_organization(), *SCOPES)


def write_luring_html(url: str) -> str:
    """Return a mail that names an address in every way that something might follow."""
    return f"""<!DOCTYPE html SYSTEM "{url}/dtd" [<!ENTITY x SYSTEM "{url}/entity">]>
        <?xml-stylesheet href="{url}/pi.css"?>
        <html xmlns:xi="http://www.w3.org/2001/XInclude"><head>
        <base href="{url}/"><link rel="stylesheet" href="{url}/a.css">
        <link rel="stylesheet" href="//{url.removeprefix("http://")}/b.css">
        <link rel="preload" href="c.css"><meta http-equiv="refresh" content="0;url={url}/m">
        <style>@import url({url}/d.css); @import "{url}/e.css";
        @font-face {{ font-family: f; src: url({url}/f.woff) }}
        p {{ background: url({url}/g.png); font-family: f }}</style>
        <script src="{url}/h.js"></script></head>
        <body background="{url}/i.png"><p style="background: url({url}/j.png)">&x;</p>
        <img src="{url}/k.png" srcset="{url}/l.png 2x"><iframe src="{url}/n"></iframe>
        <object data="{url}/o"></object><embed src="{url}/p"><video src="{url}/q"></video>
        <xi:include href="{url}/r"/><svg><image href="{url}/s"/><use href="{url}/t#u"/></svg>
        <a href="{url}/v">{{{{ name }}}}</a></body></html>"""


def test_a_mail_is_rendered_sent_and_shown_without_a_single_fetch(
    caller: Caller, listener: Listener
) -> None:
    html = write_luring_html(listener.url)
    content = {"subject": f"See {listener.url}", "html": html}
    template = {"code": "lure", "channel": "email", "content": content}
    order = {"template_code": "lure", "variables": {"name": listener.url}, "content": None}
    assert caller.post("/templates/validate", {"channel": "email", "content": content}).data[
        "valid"
    ]
    assert caller.post("/templates", template).status == 201
    assert caller.post("/templates/lure/preview", {"variables": {"name": "x"}}).status == 200
    sent = accept(caller, mail(**order))
    captured = deliver(sent)
    assert listener.url in restore_email(captured).html
    assert listener.url.encode() in write_source(captured).encode()
    pages = (f"/inbox/messages/{captured.pk}", f"/inbox/messages/{captured.pk}/html")
    assert [Client().get(page).status_code for page in pages] == [200, 200]
    assert listener.count_fetches() == 0


def test_the_pictures_and_links_of_a_push_are_not_fetched(
    caller: Caller, listener: Listener
) -> None:
    named = {"image": f"{listener.url}/a.png", "link": f"{listener.url}/b"}
    content = {"title": "Hi", "body": listener.url, "data": {"icon": listener.url}} | named
    refused = caller.post("/notifications", push(content=content))
    if refused.status == 400:  # only https may be named
        assert refused.fields
        secure = {name: url.replace("http:", "https:") for name, url in named.items()}
        content |= secure
    deliver(accept(caller, push(content=content)))
    assert listener.count_fetches() == 0


HEADERS = ("bcc", "cc", "x-injected", "content-disposition")
LINES = (
    "Hi\r\nBcc: eve@example.org",
    "Hi\nX-Injected: 1\n\nbody",
    "Hi\u2028Bcc: eve@example.org",
    "=?utf-8?q?Hi=0D=0ABcc:_eve@example.org?=",
    "=?utf-8?b?SGkNCkJjYzogZXZlQGV4YW1wbGUub3Jn?=",
    "Hi\r Bcc: eve@example.org",
)


@pytest.mark.parametrize("line", LINES)
def test_a_variable_in_a_subject_makes_no_header(caller: Caller, line: str) -> None:
    content = {"subject": "{{ name }}", "text": "Hello {{ name }}"}
    captured = deliver(accept(caller, mail(content=content, variables={"name": line})))
    head, _, _ = write_source(captured).replace("\r\n", "\n").partition("\n\n")
    names = [each.partition(":")[0].lower() for each in head.splitlines() if each[:1].strip()]
    assert not set(names) & set(HEADERS)
    assert names.count("to") == names.count("subject") == 1


def deliver(notification_id: UUID) -> CapturedMessage:
    """Hand a notification to the capturing provider and return what arrived."""
    row = Notification.objects.get(pk=notification_id)
    take_due(channel=row.channel, limit=1000)
    task = deliver_email if row.channel == "email" else deliver_push
    task(notification_ids=[str(notification_id)])
    row.refresh_from_db()
    assert row.status == "sent", (row.reason, row.error)
    return CapturedMessage.objects.latest("id")
