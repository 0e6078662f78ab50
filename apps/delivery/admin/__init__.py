"""The admin's pages for the worker side: breakers, unreadable messages, captured messages."""

from apps.delivery.admin.breakers import BreakerAdmin
from apps.delivery.admin.kept import CapturedMessageAdmin, DeadMessageAdmin

__all__ = ["BreakerAdmin", "CapturedMessageAdmin", "DeadMessageAdmin"]
