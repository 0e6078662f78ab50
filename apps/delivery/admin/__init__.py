"""The admin's first page, and those of the worker side: breakers and what is kept."""

from apps.delivery.admin.breakers import BreakerAdmin
from apps.delivery.admin.dashboard import describe_dashboard
from apps.delivery.admin.kept import CapturedMessageAdmin, DeadMessageAdmin

__all__ = ["BreakerAdmin", "CapturedMessageAdmin", "DeadMessageAdmin", "describe_dashboard"]
