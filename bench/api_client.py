"""A client of a JSON API over one kept connection."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, Self

from deploy.local.errors import CannotRun

OK, REDIRECTED = 200, 300


class ApiClient:
    """Raises CannotRun for any answer but a success: a benchmark of errors proves nothing."""

    def __init__(self, port: int, headers: Mapping[str, str], *, prefix: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Content-Type": "application/json", **headers}
        self._prefix = prefix

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self.send(path, json.dumps(body).encode())

    def send(self, path: str, body: bytes) -> dict[str, Any]:
        """Post bytes that were made ready beforehand."""
        return self._request("POST", path, body)

    def get(self, path: str) -> dict[str, Any]:
        return self._request("GET", path, None)

    def _request(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        self._connection.request(method, self._prefix + path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if not OK <= answer.status < REDIRECTED:
            raise CannotRun(f"{method} {path}: {answer.status} {text[:300].decode()}")
        content: dict[str, Any] = json.loads(text)
        return content


def answers_http(port: int, path: str) -> bool:
    """Tell whether a web server answers there at all."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
