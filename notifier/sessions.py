"""The sessions of browsers: Django's in the database, which end although they are in use.

The limits are looked at when a session is loaded, so that whatever needs none costs nothing.
"""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

# However busy: a stolen cookie is worth at most this (ASVS 5.0, 7.3.2).
LONGEST_SESSION: Final = timedelta(hours=12)
# Left alone for SESSION_COOKIE_AGE it ends as well; a write at every request would be wasted.
RENEWED_AFTER: Final = timedelta(minutes=5)
_SIGNED_IN_AT: Final = "signed_in_at"
_SEEN_AT: Final = "seen_at"


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        data: dict[str, Any] = super().load()
        if SESSION_KEY not in data:
            return data
        now = timezone.now().timestamp()
        if now - data.get(_SIGNED_IN_AT, now) > LONGEST_SESSION.total_seconds():
            return self._end()
        if now - data.get(_SEEN_AT, 0) > RENEWED_AFTER.total_seconds():
            self.modified = True  # which has it saved, and with it the cookie renewed
        return data

    def save(self, must_create: bool = False) -> None:
        # Not in the stubs; it is how Django's own stores come by their data.
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if SESSION_KEY in data:
            now = timezone.now().timestamp()
            data.setdefault(_SIGNED_IN_AT, now)
            data[_SEEN_AT] = now
        super().save(must_create)

    def _end(self) -> dict[str, Any]:
        self.delete()
        self._session_key = None
        return {}
