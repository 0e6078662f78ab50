"""A stand-in for the HTTP APIs of SendGrid (v3), Mailgun, Amazon SES and OneSignal, on one port.

Behaviour targets: `sendgrid`, `mailgun`, `ses`, `onesignal`. The key `wrong-key` is refused by
each. A recipient `reject400@...` is refused by the mail APIs; OneSignal does not know
subscriptions that begin with `unknown`, and has unsubscribed those that begin with `unsubscribed`.
"""

import base64
import re
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests.standins.control import Standin, build_parser, run_standin
from tests.standins.http_server import Answer, Request, answer_json, serve_http
from tests.standins.provider_api import Call
from tests.standins.ses_api import SES_PATH, answer_ses

WRONG_KEY = "wrong-key"
MAILGUN_PATH = re.compile(r"/v3/([^/]+)/messages$")


class MailApi:
    def __init__(self, standin: Standin) -> None:
        self._standin = standin
        self._onesignal_ids: dict[str, str] = {}

    async def answer(self, request: Request) -> Answer:
        handler = self._choose_handler(request.path) if request.method == "POST" else None
        if handler is None:
            return answer_json(404, {"errors": [{"message": "not found"}]})
        return await handler(request)

    def _choose_handler(self, path: str) -> Callable[[Request], Awaitable[Answer]] | None:
        if path.endswith("/v3/mail/send"):
            return self._answer_sendgrid
        if path.endswith(SES_PATH):
            return partial(answer_ses, self._standin)
        if path.endswith("/notifications"):
            return self._answer_onesignal
        return self._answer_mailgun if MAILGUN_PATH.search(path) else None

    async def _answer_sendgrid(self, request: Request) -> Answer:
        call = Call(self._standin, request, kind="sendgrid", content=read_json_or_none(request))
        if failed := await call.meet_fault(describe_error=describe_sendgrid_error):
            return failed
        if not has_key(request, "Bearer "):
            return call.conclude(describe_sendgrid_error(401))
        if not is_sendgrid_mail(call.content):
            return call.conclude(describe_sendgrid_error(400))
        identity = uuid.uuid4().hex[:22]
        answer = Answer(status=202, headers={"X-Message-Id": identity})
        return call.conclude(answer, message_id=identity)

    async def _answer_mailgun(self, request: Request) -> Answer:
        call = Call(self._standin, request, kind="mailgun", content=request.read_form())
        if failed := await call.meet_fault(describe_error=describe_mailgun_error):
            return failed
        if not has_basic_key(request):
            return call.conclude(describe_mailgun_error(401))
        if not is_mailgun_mail(call.content):
            return call.conclude(describe_mailgun_error(400))
        domain = request.path.rsplit("/", 2)[1]
        identity = f"<{uuid.uuid4().hex}@{domain}>"
        answer = answer_json(200, {"id": identity, "message": "Queued. Thank you."})
        return call.conclude(answer, message_id=identity)

    async def _answer_onesignal(self, request: Request) -> Answer:
        call = Call(self._standin, request, kind="onesignal", content=read_json_or_none(request))
        if failed := await call.meet_fault(describe_error=describe_onesignal_error):
            return failed
        if not has_key(request, "Key "):
            return call.conclude(describe_onesignal_error(403))
        if not is_onesignal_message(call.content):
            return call.conclude(describe_onesignal_error(400))
        return self._treat_subscriptions(call, call.content)

    def _treat_subscriptions(self, call: Call, content: dict[str, Any]) -> Answer:
        wanted = content.get("include_subscription_ids", [])
        unknown = [one for one in wanted if one.startswith("unknown")]
        deaf = [one for one in wanted if one.startswith("unsubscribed")]
        errors: Any = {"invalid_player_ids": unknown} if unknown else None
        if wanted and len(deaf) == len(wanted):
            errors = ["All included players are not subscribed"]
        reached = not wanted or len(unknown) + len(deaf) < len(wanted)
        identity = self._identify(content) if reached else ""
        body = {"id": identity, **({"errors": errors} if errors else {"external_id": None})}
        call.record("accepted" if reached else "refused", status=200, message_id=identity)
        return answer_json(200, body)

    def _identify(self, content: dict[str, Any]) -> str:
        """Return a new id, or the first one's for a repeated idempotency_key, as they do."""
        fresh = str(uuid.uuid4())
        key = content.get("idempotency_key")
        return self._onesignal_ids.setdefault(key, fresh) if key else fresh


def read_json_or_none(request: Request) -> Any:
    try:
        return request.read_json()
    except ValueError:
        return None


def has_key(request: Request, scheme: str) -> bool:
    given = request.headers.get("authorization", "")
    return given.startswith(scheme) and given.removeprefix(scheme) not in {"", WRONG_KEY}


def has_basic_key(request: Request) -> bool:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    user, _, key = base64.b64decode(encoded).decode().partition(":")
    return scheme == "Basic" and user == "api" and key not in {"", WRONG_KEY}


def is_rejected(address: str) -> bool:
    return "reject400@" in address


def is_sendgrid_mail(content: Any) -> bool:
    if not isinstance(content, dict) or not {"personalizations", "from"} <= content.keys():
        return False
    if not {"content", "template_id"} & content.keys():
        return False
    people = [one for person in content["personalizations"] for one in person.get("to", [])]
    return bool(people) and not any(is_rejected(one["email"]) for one in people)


def is_mailgun_mail(form: dict[str, list[str]]) -> bool:
    has_text = bool({"text", "html", "template"} & form.keys())
    return {"from", "to"} <= form.keys() and has_text and not any(map(is_rejected, form["to"]))


def is_onesignal_message(content: Any) -> bool:
    if not isinstance(content, dict) or not content.get("app_id"):
        return False
    targets = {"include_subscription_ids", "include_aliases", "included_segments"}
    return bool(targets & content.keys()) and bool({"contents", "template_id"} & content.keys())


def describe_sendgrid_error(status: int) -> Answer:
    text = {401: "The provided authorization grant is invalid, expired, or revoked"}
    error = {"message": text.get(status, "stand-in"), "field": None, "help": None}
    return answer_json(status, {"errors": [error]})


def describe_mailgun_error(status: int) -> Answer:
    if status == 401:
        return Answer(status=401, body=b"Forbidden")
    return answer_json(status, {"message": "stand-in"})


def describe_onesignal_error(status: int) -> Answer:
    text = {403: "Access denied.  Please include an 'Authorization: ...' header"}
    return answer_json(status, {"errors": [text.get(status, "stand-in")]})


def main() -> None:
    arguments = build_parser(__doc__).parse_args()
    run_standin(
        arguments, lambda standin: serve_http(MailApi(standin).answer, port=arguments.port)
    )


if __name__ == "__main__":
    main()
