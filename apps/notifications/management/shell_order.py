"""From the options of `manage.py send` to the order that a POST would have made."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandError, CommandParser

from apps.notifications.services.orders import NotificationOrder
from apps.templates.services import get_template
from apps.users.models import Platform
from apps.users.services import find_user_by_email
from notifier.api.bodies import decode
from notifier.authentication import Principal

EMAIL_PARTS = ("subject", "text", "html")
PUSH_PARTS = ("title", "body", "image", "link")


def add_order_arguments(parser: CommandParser) -> None:
    to = parser.add_argument_group("to whom (one of)").add_mutually_exclusive_group(required=True)
    to.add_argument("--email", metavar="ADDRESS")
    to.add_argument("--push-token", metavar="TOKEN", help="with --platform")
    to.add_argument("--user", metavar="ID_OR_EMAIL")
    to.add_argument("--csv", metavar="FILE", help="a row for each recipient: see below")
    what = parser.add_argument_group("what: a template, or the parts themselves")
    what.add_argument("--template", metavar="CODE")
    what.add_argument(
        "--var",
        action="extend",
        nargs="+",
        metavar="NAME=VALUE",
        help="variables; NAME:=JSON for numbers, lists and objects",
    )
    for part in (*EMAIL_PARTS, *PUSH_PARTS):
        what.add_argument(f"--{part}", metavar="TEXT")
    how = parser.add_argument_group("how")
    how.add_argument("--platform", choices=Platform.values)
    how.add_argument("--language", metavar="TAG", help="such as pt-BR")
    how.add_argument("--request-id", metavar="ID", help="makes repeating the command safe")
    how.add_argument("--priority", type=int, metavar="1-10", help="10 is the most urgent")
    when = "with its offset, such as 2027-03-14T09:00:00Z"
    how.add_argument("--scheduled-at", metavar="TIME", help=f"not before; {when}")
    how.add_argument("--expires-at", metavar="TIME", help="not later; the same")


def build_order(options: Mapping[str, Any], *, sender: Principal) -> NotificationOrder:
    """Return the order, checked as the body of a POST is.

    Raises InvalidRequest, NotFound (user, template) and CommandError.
    """
    content = {part: options[part] for part in (*EMAIL_PARTS, *PUSH_PARTS) if options[part]}
    body = {
        "notification_type": _choose_type(options, content, sender),
        "user_id": _find_user_id(options["user"], sender),
        "to": _describe_address(options),
        "template_code": options["template"],
        "variables": read_variables(options["var"] or ()),
        "content": content or None,
        "language": options["language"],
        "request_id": options["request_id"],
        "scheduled_at": options["scheduled_at"],
        "expires_at": options["expires_at"],
    }
    if options["priority"] is not None:
        body["priority"] = options["priority"]
    given = {name: value for name, value in body.items() if value is not None}
    return decode(_encode(given), NotificationOrder)


def read_variables(assignments: Sequence[str]) -> dict[str, Any]:
    """Return variables from NAME=VALUE (text) and NAME:=JSON; raise CommandError."""
    return dict(map(_read_variable, assignments))


def _read_variable(assignment: str) -> tuple[str, Any]:
    name, separator, value = assignment.partition("=")
    if not separator or not name.strip(":"):
        raise CommandError(f"--var: expected NAME=VALUE, not {assignment!r}")
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise CommandError(f"--var {name[:-1]}: not JSON: {error}") from error


def _choose_type(options: Mapping[str, Any], content: Mapping[str, str], sender: Principal) -> str:
    if options["email"]:
        return "email"
    if options["push_token"]:
        return "push"
    if options["template"]:
        template = get_template(organization_id=sender.organization_id, code=options["template"])
        return template.channel
    return "push" if set(content) & set(PUSH_PARTS) else "email"


def _find_user_id(reference: str | None, sender: Principal) -> str | None:
    if reference is None:
        return None
    if "@" in reference:
        return str(find_user_by_email(caller=sender, email=reference).pk)
    try:
        return str(UUID(reference))
    except ValueError as error:
        raise CommandError(f"--user: neither an id nor an address: {reference!r}") from error


def _describe_address(options: Mapping[str, Any]) -> dict[str, str] | None:
    if options["email"]:
        return {"email": options["email"]}
    if not options["push_token"]:
        return None
    if not options["platform"]:
        raise CommandError("--push-token needs --platform ios, android or web")
    return {"push_token": options["push_token"], "platform": options["platform"]}


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise CommandError("the arguments are not valid UTF-8") from error
