"""A stand-in for Firebase Cloud Messaging (HTTP v1) and the OAuth endpoint in front of it.

The text of a device token chooses what happens: `UNREGISTERED:x` (or another code of ERRORS),
`QUOTA_EXCEEDED:7:x` with Retry-After 7, `once503:x`, `slow:2:x` (seconds), `hang:x`, `reset:x`,
`garbage:x`. What it accepts is recorded with how many sends were under way `at_once`. Behaviour
targets: `send` and `token`; `bare` with code 401 is what Google answers to
an access token that has expired.
"""

import asyncio
import base64
import itertools
import json
from collections import Counter
from functools import partial
from typing import Any

from tests.standins.control import Standin, build_parser, run_standin
from tests.standins.http_server import Answer, Request, answer_json, serve_http
from tests.standins.provider_api import Call

# Code -> HTTP and gRPC status: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
ERRORS = {
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "UNREGISTERED": (404, "NOT_FOUND"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "INTERNAL": (500, "INTERNAL"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
}
SILENT_FAULTS = ("hang", "reset", "garbage")
CODE_OF_STATUS = {status: code for code, (status, _) in ERRORS.items()}
# Whoever shows a token of this shape was let in, also by an earlier run of the stand-in: the real
# service does not forget its tokens either.
ACCESS_TOKEN_PREFIX = "ya29.standin-"  # noqa: S105 - not a secret
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Fcm:
    def __init__(self, standin: Standin) -> None:
        self._standin = standin
        self._numbers = itertools.count(1)
        self._times_seen: Counter[str] = Counter()
        self._under_way = 0

    async def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return await self._exchange_token(request)
        if request.method == "POST" and request.path.endswith("/messages:send"):
            self._under_way += 1
            try:
                return await self._send(request)
            finally:
                self._under_way -= 1
        return answer_json(404, {"error": {"code": 404, "status": "NOT_FOUND"}})

    async def _exchange_token(self, request: Request) -> Answer:
        form = request.read_form()
        claims = read_claims(form.get("assertion", [""])[0])
        call = Call(self._standin, request, kind="token", content=claims)
        if failed := await call.meet_fault(describe_error=describe_oauth_error):
            return failed
        if form.get("grant_type") != [JWT_GRANT] or "iss" not in claims:
            return call.conclude(answer_json(400, {"error": "invalid_grant"}))
        token = f"{ACCESS_TOKEN_PREFIX}{next(self._numbers)}"
        grant = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        return call.conclude(answer_json(200, grant))

    async def _send(self, request: Request) -> Answer:
        try:
            content = request.read_json()
        except ValueError:
            content = None
        call = Call(self._standin, request, kind="send", content=content)
        bare = self._standin.behaviour.bare
        if failed := await call.meet_fault(describe_error=partial(describe_status, bare=bare)):
            return failed
        if not request.headers.get("authorization", "").startswith(
            f"Bearer {ACCESS_TOKEN_PREFIX}"
        ):
            return call.conclude(describe_error("", 401, "UNAUTHENTICATED"))
        if problem := find_problem(content):
            return call.conclude(describe_error("INVALID_ARGUMENT", message=problem))
        return await self._treat_token(call, read_token(content))

    async def _treat_token(self, call: Call, token: str) -> Answer:
        at_once = self._under_way
        self._times_seen[token] += 1
        wish, option = read_wish(token)
        if wish == "slow":
            await asyncio.sleep(float(option or 1))
        if wish == "once503" and self._times_seen[token] == 1:
            wish = "UNAVAILABLE"
        failed = await call.suffer(
            "status" if wish in ERRORS else wish if wish in SILENT_FAULTS else "",
            describe_error=lambda _status: describe_error(wish),
            status=200,
            retry_after=option,
        )
        if failed:
            return failed
        name = f"projects/standin/messages/{next(self._numbers)}"
        return call.conclude(answer_json(200, {"name": name}), message_name=name, at_once=at_once)


def read_token(content: Any) -> str:
    message = content["message"]
    return str(message.get("token") or message.get("fid") or "")


def read_wish(token: str) -> tuple[str, str]:
    """Split `QUOTA_EXCEEDED:7:x` into the wish and its number, "" when it has none."""
    wish, _, rest = token.partition(":")
    option = rest.partition(":")[0]
    return wish, option if option.isdecimal() else ""


def find_problem(content: Any) -> str:
    """Return what the real service would refuse with INVALID_ARGUMENT, or ""."""
    message = content.get("message") if isinstance(content, dict) else None
    if not isinstance(message, dict):
        return "Invalid JSON payload received."
    if sum(name in message for name in ("token", "fid", "topic", "condition")) != 1:
        return "Exactly one of token, topic or condition is required."
    if not all(isinstance(value, str) for value in (message.get("data") or {}).values()):
        return "Invalid value at 'message.data': TYPE_STRING"
    return ""


def read_claims(assertion: str) -> dict[str, Any]:
    """Return the claims of a JWT (its signature is not checked), or {} when it is none."""
    try:
        part = assertion.split(".")[1]
        claims: dict[str, Any] = json.loads(
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        )
    except (IndexError, ValueError):
        return {}
    return claims


def describe_error(
    code: str, status: int | None = None, name: str = "", *, message: str = "stand-in"
) -> Answer:
    known_status, known_name = ERRORS.get(code, (500, "UNKNOWN"))
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    error = {"code": status or known_status, "message": message, "status": name or known_name}
    details = {"details": [{"@type": kind, "errorCode": code}]} if code else {}
    return answer_json(status or known_status, {"error": {**error, **details}})


def describe_status(status: int, *, bare: bool = False) -> Answer:
    """Return an error as FCM words it; `bare` is Google's own, before FCM (an expired token)."""
    code = CODE_OF_STATUS.get(status, "")
    _, name = ERRORS.get(code, (status, "UNKNOWN"))
    return describe_error("" if bare else code, status, name)


def describe_oauth_error(status: int) -> Answer:
    return answer_json(status, {"error": "invalid_grant" if status < 500 else "internal_failure"})


def main() -> None:
    arguments = build_parser(__doc__).parse_args()
    run_standin(arguments, lambda standin: serve_http(Fcm(standin).answer, port=arguments.port))


if __name__ == "__main__":
    main()
