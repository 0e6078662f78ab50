"""Devices: registering, listing, removing."""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from apps.users.models import Device, User
from apps.users.services.field_checks import check_values
from notifier.encryption_lasting import blind_index
from notifier.errors import NotFound

log = structlog.get_logger(__name__)


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
        return _upsert(device)


def delete_device(*, user: User, device_id: UUID) -> None:
    """Remove one of a user's devices; raise NotFound if it is not among them."""
    deleted, _ = user.devices.filter(pk=device_id).delete()
    if not deleted:
        raise NotFound("no such device")


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
    return Device.objects.get(
        organization_id=device.organization_id, token_digest=device.token_digest
    )
