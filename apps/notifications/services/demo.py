"""Seeding a demo installation: repeatable, and the same credentials every time."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.notifications.services.demo_content import TEMPLATES, DemoTemplate
from apps.notifications.services.demo_history import ensure_history
from apps.notifications.services.demo_people import PEOPLE
from apps.templates.services import add_version, create_template, get_template, publish_version
from apps.users.models import ApiKey, User
from apps.users.services import (
    NewAccount,
    authenticate_key,
    create_account,
    create_api_key,
    find_user_by_email,
    get_organization,
)
from notifier.authentication import SCOPES, Mode, Principal
from notifier.errors import NotFound, Unauthenticated

OPERATOR_EMAIL = "admin@example.org"
KEY_NAMES: dict[Mode, str] = {"live": "demo", "test": "demo (test)"}
_KEPT_KEYS: tuple[tuple[str, Mode], ...] = (("api_key", "live"), ("test_api_key", "test"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """How to get into the demo. No password: it was changed, or never known to `var/demo.json`."""

    organization: str
    api_key: str
    test_api_key: str  # what it sends stays here, and simulator.test answers it
    operator_email: str
    operator_password: str | None
    is_new: bool  # was the operator made just now


def seed_demo(*, var: Path, now: datetime) -> Demo:
    """Store what of the demo is missing and return how to get in; what is there stays as it is.

    The credentials are kept in `var/demo.json`, for the owner of the process alone. The file is
    written before the commit: whatever dies in between, the next call mends the rest.
    """
    known = _read_credentials(var)
    with transaction.atomic():
        organization = get_organization(slug=settings.DEFAULT_ORGANIZATION_SLUG)
        seeder = Principal(organization_id=organization.pk, scopes=frozenset(SCOPES))
        password, is_new = _ensure_operator(known.get("operator_password"))
        people = _ensure_people(seeder)
        for template in TEMPLATES:
            _ensure_template(template, organization_id=organization.pk, now=now)
        ensure_history(organization_id=organization.pk, people=people, now=now)
        live, test = (
            _ensure_key(known.get(name), mode=mode, organization_id=organization.pk, now=now)
            for name, mode in _KEPT_KEYS
        )
        demo = Demo(
            organization=organization.slug,
            api_key=live,
            test_api_key=test,
            operator_email=OPERATOR_EMAIL,
            operator_password=password,
            is_new=is_new,
        )
        _keep_credentials(var, demo)
    return demo


def _ensure_operator(known_password: str | None) -> tuple[str | None, bool]:
    """Return the operator's password, if it is still the known one, and whether it is new."""
    operator = User.objects.living().with_email(OPERATOR_EMAIL).first()
    if operator is None:
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(email=OPERATOR_EMAIL, password=password)
        return password, True
    is_known = known_password is not None and operator.check_password(known_password)
    return (known_password if is_known else None), False


def _ensure_people(seeder: Principal) -> list[User]:
    return [_ensure_person(person, seeder) for person in PEOPLE]


def _ensure_person(person: NewAccount, seeder: Principal) -> User:
    try:
        return find_user_by_email(caller=seeder, email=person.email)
    except NotFound:
        return create_account(caller=seeder, account=person)


def _ensure_template(template: DemoTemplate, *, organization_id: UUID, now: datetime) -> None:
    try:
        get_template(organization_id=organization_id, code=template.code)
    except NotFound:
        first, *others = template.versions
        create_template(
            organization_id=organization_id,
            code=template.code,
            channel=template.channel,
            name=template.name,
            kind=template.kind,
            version=first,
            now=now,
        )
        for other in others:
            added = add_version(organization_id=organization_id, code=template.code, version=other)
            publish_version(
                organization_id=organization_id, code=template.code, number=added.number, now=now
            )


def _ensure_key(known: str | None, *, mode: Mode, organization_id: UUID, now: datetime) -> str:
    """Return the known key if it still opens this organization, else a new one in its place."""
    if known is not None and _is_usable(known, organization_id):
        return known
    ApiKey.objects.filter(organization_id=organization_id, name=KEY_NAMES[mode]).revoke(now)
    _, secret = create_api_key(
        organization_id=organization_id,
        name=KEY_NAMES[mode],
        scopes=SCOPES,
        mode=mode,
        created_by_id=None,
        expires_at=None,
        now=now,
    )
    return secret


def _is_usable(key: str, organization_id: UUID) -> bool:
    try:
        return authenticate_key(key).organization_id == organization_id
    except Unauthenticated:
        return False


def _read_credentials(var: Path) -> Mapping[str, str | None]:
    try:
        known = json.loads((var / "demo.json").read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep_credentials(var: Path, demo: Demo) -> None:
    var.mkdir(parents=True, exist_ok=True)
    unfinished = var / "demo.json.new"
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600, exist_ok=False)
    kept = {name: value for name, value in asdict(demo).items() if name != "is_new"}
    unfinished.write_text(json.dumps(kept, indent=2) + "\n")
    unfinished.replace(var / "demo.json")
