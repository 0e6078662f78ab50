"""Flower open to nobody without a password: it is refused without one, and asks for it everywhere.

Flower shows and changes workers. Left alone it starts without any credentials, on all addresses,
and hands its `/metrics` (names of workers and tasks) to whoever asks, password or not.
"""

import sys
from collections.abc import Sequence
from typing import Final

FEWEST_CHARACTERS: Final = 12  # of a password
_EXPECTED: Final = (
    f"FLOWER_BASIC_AUTH: expected user:password, the password of at least {FEWEST_CHARACTERS}"
    " characters: Flower shows and changes the workers"
)


def close_flower(*, is_strict: bool) -> None:
    """Have Flower, if this process is to be one, ask for its password on every page.

    With `is_strict` it ends at its start, in one line, unless there is a password.
    """
    # Imported here: every worker loads the module that calls this.
    import flower.command
    from flower.app import Flower
    from flower.views.monitor import Metrics
    from tornado.web import authenticated

    class ClosedFlower(Flower):  # type: ignore[misc]  # it has no types
        def start_http_server(self) -> int | None:
            """Look at the credentials before anybody can connect; every option is read by now."""
            options = self.options
            if is_strict and not (options.auth or is_closed(options.basic_auth)):
                sys.exit(f"notifier: {_EXPECTED}")
            port: int | None = super().start_http_server()
            return port

    Metrics.get = authenticated(Metrics.get)
    flower.command.Flower = ClosedFlower


def is_closed(credentials: Sequence[str]) -> bool:
    """Is there a password, and is each one longer than what is guessed soon?"""
    passwords = [each.partition(":")[2] for each in credentials]
    return bool(passwords) and min(map(len, passwords)) >= FEWEST_CHARACTERS
