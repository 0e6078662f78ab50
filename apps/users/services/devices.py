"""Devices: registering, listing, removing."""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from apps.users.models import Device, User
from apps.users.services.field_checks import check_values
from apps.users.services.trail import record_device_change
from notifier.audit import describe_changes
from notifier.encryption_lasting import blind_index
from notifier.errors import NotFound

log = structlog.get_logger(__name__)
SHOWN_OF_DEVICE = ("user_id", "platform")


def register_device(
    *, organization_id: UUID, user_id: UUID, token: str, platform: str, now: datetime
) -> Device:
    """Store a push token, or move it to this user if the organization knows it already.

    One upsert: of concurrent registrations the last one has the device. Raises InvalidRequest for
    a token that cannot be one and NotFound for a user who is gone.
    """
    check_values(Device, {"token": token, "platform": platform})
    device = Device(
        organization_id=organization_id,
        user_id=user_id,
        token=token,
        token_digest=blind_index(token),
        platform=platform,
        last_seen_at=now,
    )
    with transaction.atomic():
        _lock_living_user(organization_id, user_id)
        known = _known_as(device).select_for_update(no_key=True).first()
        stored = _upsert(device)
        _record_registration(known, stored)
    return stored


def delete_device(*, user: User, device_id: UUID) -> None:
    """Remove one of a user's devices; raise NotFound if it is not among them."""
    with transaction.atomic():
        device = user.devices.filter(pk=device_id).select_for_update().first()
        if device is None:
            raise NotFound("no such device")
        changes = {name: {"old": value} for name, value in _describe(device).items()}
        record_device_change(device=device, verb="removed", changes=changes)
        device.delete()


def remove_device(*, device_id: UUID) -> bool:
    """Forget a device whose token the provider declared dead; False if it was gone already."""
    deleted, _ = Device.objects.filter(pk=device_id).delete()
    if deleted:
        log.info("device_removed", device_id=str(device_id))
    return bool(deleted)


def _lock_living_user(organization_id: UUID, user_id: UUID) -> None:
    """An erasure that runs at the same time either waits and deletes the device, or was first."""
    living = User.objects.in_organization(organization_id).living().filter(pk=user_id)
    if living.select_for_update(no_key=True).first() is None:
        raise NotFound("no such user")


def _upsert(device: Device) -> Device:
    Device.objects.bulk_create(
        [device],
        update_conflicts=True,
        unique_fields=["organization", "token_digest"],
        update_fields=["user", "platform", "last_seen_at"],
    )
    # The row may be an older one, with its own id.
    return _known_as(device).get()


def _known_as(device: Device) -> QuerySet[Device]:
    return Device.objects.filter(
        organization_id=device.organization_id, token_digest=device.token_digest
    )


def _record_registration(known: Device | None, stored: Device) -> None:
    """Apps register at each start: what says nothing new leaves no entry."""
    before = _describe(known) if known else {}
    changes = describe_changes(before, _describe(stored), shown=SHOWN_OF_DEVICE)
    if changes:
        record_device_change(device=stored, verb="registered", changes=changes)


def _describe(device: Device) -> dict[str, str]:
    return {"user_id": str(device.user_id), "platform": device.platform}
