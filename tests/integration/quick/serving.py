"""The application as a WSGI server calls it: the short way first."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.test import RequestFactory

from config.wsgi import application
from tests.integration.api.calling import API, Caller, as_bytes


@dataclass(frozen=True)
class Answered:
    """What a WSGI server would send."""

    status: str
    headers: Mapping[str, str]
    body: Any


def call(caller: Caller, method: str, path: str, body: Any = None, **headers: str) -> Answered:
    """Call the application as a server does."""
    request = RequestFactory(headers=caller.headers | headers).generic(
        method, f"{API}{path}", as_bytes(body), content_type="application/json"
    )
    started: list[Any] = []
    response = application(request.environ, lambda *line: started.extend(line))
    content = b"".join(response)
    if close := getattr(response, "close", None):
        close()
    return Answered(started[0], dict(started[1]), json.loads(content))
