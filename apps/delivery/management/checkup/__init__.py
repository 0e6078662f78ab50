"""The doctor's checks: each a small function that answers with findings and changes nothing."""

from collections.abc import Callable, Iterator

from django.db import DatabaseError, InterfaceError

from apps.delivery.management.checkup.broker import check_broker
from apps.delivery.management.checkup.encryption import check_encryption
from apps.delivery.management.checkup.finding import Finding, failed
from apps.delivery.management.checkup.installation import (
    check_lease,
    check_proxies,
    check_public_url,
    check_python,
    check_registration,
    check_secrets,
    check_settings,
    check_var,
)
from apps.delivery.management.checkup.outlets import check_providers
from apps.delivery.management.checkup.stores import (
    check_cache,
    check_clock,
    check_database,
    check_migrations,
)
from apps.delivery.management.checkup.work import (
    check_dead_letters,
    check_dead_messages,
    check_relay,
)
from notifier.management.command_line import first_line, manage_command

__all__ = ["Finding", "run_checks"]

_OF_THIS_MACHINE = (
    check_python,
    check_settings,
    check_public_url,
    check_proxies,
    check_registration,
    check_secrets,
    check_var,
    check_lease,
    check_encryption,
)
_OF_THE_WORK = (check_relay, check_dead_letters, check_dead_messages)


def run_checks() -> Iterator[Finding]:
    """Yield findings as they come; none takes much more than two seconds.

    What needs the database, or its tables, is left out where they are missing: one line says why.
    """
    for check in _OF_THIS_MACHINE:
        yield check()
    yield from _check_database_and_work()
    yield from check_broker()
    yield check_cache()
    yield from check_providers()


def _check_database_and_work() -> Iterator[Finding]:
    database = check_database()
    yield database
    if database.state == "failed":
        return
    yield _survive("clock", check_clock)
    migrations = _survive("migrations", check_migrations)
    yield migrations
    if migrations.state != "failed":
        for check in _OF_THE_WORK:
            yield _survive(check.__name__.removeprefix("check_").replace("_", " "), check)


def _survive(name: str, check: Callable[[], Finding]) -> Finding:
    """A database that goes away in the middle is a finding too."""
    try:
        return check()
    except (DatabaseError, InterfaceError) as error:
        return failed(name, first_line(error), mend=manage_command("doctor"))
