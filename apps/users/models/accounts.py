"""The user: somebody who is notified, and perhaps signs in."""

import unicodedata
from typing import Any, Self
from uuid import UUID

import idna
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from apps.users.models.validators import (
    MAX_LANGUAGE,
    MAX_NAME,
    check_language,
    check_name,
    check_timezone,
)
from notifier.addresses import MAX_ADDRESS, mask_address, normalise_email
from notifier.encrypted_fields import EncryptedTextField
from notifier.encryption_lasting import INDEX_LENGTH, blind_index
from notifier.errors import InvalidRequest
from notifier.identifiers import new_id
from notifier.models import Organization


class Role(models.TextChoices):
    MEMBER = "member"
    SENDER = "sender"
    ADMIN = "admin"


def email_key(address: str) -> str:
    """Return the form under which an address is unique: NFKC, case folded, IDNA domain.

    Takes what `normalise_email` returned. Mail still goes to the address as it was given: folding
    may change whose mailbox it is (ß becomes ss).
    """
    local, _, domain = address.rpartition("@")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())
    ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    return f"{folded}@{ascii_domain.lower()}"


def index_email(address: str) -> str:
    """Return what stands for an address in look-ups: the same for all of its forms."""
    return blind_index(email_key(address))


def ensure_default_organization() -> Organization:
    """Return the organization of those who register themselves, made at the first call."""
    slug = settings.DEFAULT_ORGANIZATION_SLUG
    organization, _ = Organization.objects.get_or_create(
        slug=slug, defaults={"name": slug.capitalize()}
    )
    return organization


class UserQuerySet(models.QuerySet["User"]):
    def in_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)

    def living(self) -> Self:
        """Without those who were erased: their rows stay for the ledger alone."""
        return self.filter(erased_at__isnull=True)

    def with_email(self, address: str) -> Self:
        """The user with this address, or none; raise InvalidRequest for what is no address."""
        return self.filter(email_key=index_email(normalise_email(address)))


class UserManager(BaseUserManager["User"]):
    """Django's door to users, for its own commands and the admin's sign-in."""

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def in_organization(self, organization_id: UUID) -> UserQuerySet:
        return self.get_queryset().in_organization(organization_id)

    def living(self) -> UserQuerySet:
        return self.get_queryset().living()

    def get_by_natural_key(self, username: str | None) -> "User":
        try:
            return self.get_queryset().living().with_email(username or "").get()
        except InvalidRequest as error:
            raise self.model.DoesNotExist from error

    def build_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a user that is not stored yet: hashing takes long, and stays out of transactions.

        Raises InvalidRequest for a bad address; every other check is the caller's.
        """
        address = normalise_email(email)
        user = self.model(email=address, email_key=index_email(address), **fields)
        user.set_password(password)
        return user

    def create_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a user; without a password it cannot sign in."""
        user = self.build_user(email=email, password=password, **fields)
        try:
            with transaction.atomic():
                user.save(force_insert=True, using=self._db)
        except IntegrityError as error:  # `createsuperuser` shows a ValidationError in one line
            raise ValidationError("a user with this address exists") from error
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store an operator of the installation: an admin of the default organization."""
        rights = {"role": Role.ADMIN, "is_staff": True, "is_superuser": True}
        defaults = {"name": "Operator", "organization": ensure_default_organization()}
        return self.create_user(email=email, password=password, **(defaults | fields | rights))


class User(AbstractBaseUser, PermissionsMixin):
    """A person of an organization.

    `role` is what counts in the API; `is_staff`, `is_superuser` and permissions are the admin's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="users")
    email = EncryptedTextField(max_length=MAX_ADDRESS)
    email_key = models.CharField(max_length=INDEX_LENGTH, unique=True, editable=False)
    name = EncryptedTextField(max_length=MAX_NAME, validators=[check_name])
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    language = models.CharField(max_length=MAX_LANGUAGE, default="en", validators=[check_language])
    timezone = models.CharField(max_length=64, default="UTC", validators=[check_timezone])
    email_enabled = models.BooleanField("wants e-mail", default=True)
    push_enabled = models.BooleanField("wants push", default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may use the admin", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    erased_at = models.DateTimeField(null=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        ordering = ["-id"]  # ids sort by creation
        indexes = [models.Index(fields=["organization", "-id"], name="users_of_organization")]

    def __str__(self) -> str:
        return mask_address(self.email)  # the admin's history keeps this, unencrypted

    def clean(self) -> None:
        """Normalise the address and hold it against the others, for the admin's forms.

        The services leave that to the constraint, which also holds for concurrent requests.
        """
        try:
            self.email = normalise_email(self.email)
        except InvalidRequest as error:
            raise ValidationError({"email": error.errors[0].message}) from error
        self.email_key = index_email(self.email)
        others = User.objects.exclude(pk=self.pk).filter(email_key=self.email_key)
        if others.exists():
            raise ValidationError({"email": "a user with this address exists"})

    def wants(self, channel: str) -> bool:
        """Has this person left the channel switched on?"""
        return bool(self.email_enabled if channel == "email" else self.push_enabled)

    def may_sign_in(self) -> bool:
        return self.is_active and self.organization.is_active

    def get_short_name(self) -> str:
        return self.name
