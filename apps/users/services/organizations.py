"""Organizations: the tenants that everything belongs to."""

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.users.models import User, ensure_default_organization
from apps.users.services.accounts import NewAccount, store_account
from apps.users.services.field_checks import check_values
from notifier.audit import describe_new, record_change
from notifier.errors import Conflict, NotFound
from notifier.models import Organization


def create_organization(
    *, slug: str, name: str, admin: NewAccount | None
) -> tuple[Organization, User | None]:
    """Store an organization and its first admin, both or neither.

    Raises InvalidRequest for values that cannot be, Conflict for a slug or address that is taken.
    """
    check_values(Organization, {"slug": slug, "name": name})
    try:
        with transaction.atomic():
            organization = Organization.objects.create(slug=slug, name=name)
            record_change(
                action="organization.created",
                object_type="organization",
                object_id=organization.pk,
                organization_id=organization.pk,
                changes=describe_new(slug=slug, name=name),
            )
            user = _store_admin(organization, admin)
    except IntegrityError as error:
        raise Conflict(f"the organization {slug} exists") from error
    return organization, user


def _store_admin(organization: Organization, admin: NewAccount | None) -> User | None:
    if admin is None:
        return None
    return store_account(organization_id=organization.pk, account=admin)


def get_organization(*, slug: str) -> Organization:
    """Return the organization (the default one is made where it is missing) or raise NotFound."""
    if slug == settings.DEFAULT_ORGANIZATION_SLUG:
        return ensure_default_organization()
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise NotFound(f"no organization {slug}")
    return organization
