"""Templates and their versions: what is sent, in which language, and which version is live."""

from typing import Self
from uuid import UUID

from django.core.validators import RegexValidator
from django.db import models

from notifier.identifiers import new_id
from notifier.models import Organization

CODE_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,99}$"
MAX_NAME = 200


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    PUSH = "push", "Push"


class TemplateKind(models.TextChoices):
    """Marketing mail carries List-Unsubscribe (spec section 5)."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


class DeliveryGuarantee(models.TextChoices):
    """What happens to an attempt that is in doubt: repeated, or given up (spec 1.2)."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


class TemplateQuerySet(models.QuerySet["Template"]):
    def in_organization(self, organization_id: UUID) -> Self:
        """Those of an organization that were not deleted."""
        return self.filter(organization_id=organization_id, deleted_at=None)

    def having_language(self, language: str) -> Self:
        """Those with a version in that language, published or not."""
        versions = TemplateVersion.objects.filter(language=language)
        return self.filter(pk__in=versions.values("template_id"))

    def with_version_summaries(self) -> Self:
        """Load every version, but not what it says: contents are up to 64 KiB a part."""
        versions = TemplateVersion.objects.defer("content", "built", "sample_variables")
        return self.prefetch_related(models.Prefetch("versions", queryset=versions))


class Template(models.Model):
    """A message that programs name by its code; `deleted_at` hides it, the ledger keeps it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    code = models.CharField(
        max_length=100,
        validators=[RegexValidator(CODE_PATTERN, "lowercase letters, digits, dots, _ and -")],
    )
    channel = models.CharField(max_length=8, choices=Channel)
    name = models.CharField(max_length=MAX_NAME)
    kind = models.CharField(
        max_length=16, choices=TemplateKind, default=TemplateKind.TRANSACTIONAL
    )
    delivery_guarantee = models.CharField(
        max_length=16, choices=DeliveryGuarantee, default=DeliveryGuarantee.AT_LEAST_ONCE
    )
    default_language = models.CharField(max_length=35)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "code"],
                condition=models.Q(deleted_at=None),
                name="template_code_once",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def find_default_version(self) -> "TemplateVersion | None":
        """Return the published version in the default language, if there is one."""
        return self.versions.published().filter(language=self.default_language).first()


class TemplateVersionQuerySet(models.QuerySet["TemplateVersion"]):
    def of_template(self, *, organization_id: UUID, code: str) -> Self:
        """The versions of a template that was not deleted."""
        return self.filter(
            template__organization_id=organization_id,
            template__code=code,
            template__deleted_at=None,
        )

    def published(self) -> Self:
        return self.filter(is_published=True)


class TemplateVersion(models.Model):
    """What a template says in one language. Content never changes: a correction is a new version.

    `built` is the HTML and text that MJML or Markdown became when it was written, with the liquid
    still in them; null for other content. `created_by` is a user's id without a foreign key:
    templates and users know nothing of each other.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    template = models.ForeignKey(Template, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=35)
    content = models.JSONField()
    built = models.JSONField(null=True, blank=True, editable=False)
    sample_variables = models.JSONField(default=dict, blank=True)
    required_variables = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.UUIDField(null=True, blank=True)
    is_published = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = TemplateVersionQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "number"], name="template_version_number_once"
            ),
            models.UniqueConstraint(
                fields=["template", "language"],
                condition=models.Q(is_published=True),
                name="template_language_published_once",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} ({self.language})"
