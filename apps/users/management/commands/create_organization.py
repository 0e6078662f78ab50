"""`manage.py create_organization`: a tenant and its first administrator."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.users.models import Role, User
from apps.users.services import NewAccount, create_organization
from notifier.errors import NotifierError
from notifier.models import Organization


class Command(BaseCommand):
    help = "Create an organization and, with --admin-email, its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", required=True, help="lowercase letters, digits, dashes")
        parser.add_argument("--name", required=True)
        parser.add_argument("--admin-email")
        parser.add_argument("--admin-password", help="generated and printed once if not given")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        password = options["admin_password"] or secrets.token_urlsafe(16)
        try:
            organization, admin = create_organization(
                slug=options["slug"],
                name=options["name"],
                admin=_admin_account(options["admin_email"], password),
            )
        except NotifierError as error:
            raise CommandError(error.message) from error
        generated = None if options["admin_password"] else password
        report = _report(organization, admin, generated)
        self.stdout.write(json.dumps(report) if options["json"] else _as_lines(report))


def _admin_account(email: str | None, password: str) -> NewAccount | None:
    if not email:
        return None
    return NewAccount(email=email, name="Administrator", password=password, role=Role.ADMIN)


def _report(
    organization: Organization, admin: User | None, generated: str | None
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "id": str(organization.pk),
        "slug": organization.slug,
        "name": organization.name,
        "admin": None,
    }
    if admin is not None:
        report["admin"] = {"id": str(admin.pk), "email": admin.email}
        if generated is not None:
            report["admin"]["password"] = generated
    return report


def _as_lines(report: dict[str, Any]) -> str:
    lines = [f"Organization {report['slug']} created: {report['id']}"]
    if report["admin"]:
        lines.append(f"Administrator: {report['admin']['email']}")
        if "password" in report["admin"]:
            lines.append(f"Password (shown this once): {report['admin']['password']}")
    return "\n".join(lines)
