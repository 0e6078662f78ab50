"""How settings look where people read them: without what is secret in them."""

import re

from notifier.configuration import Setting

_SECRET_OPTION = re.compile(
    r"([?&][^=&]*(?:pass|secret|key|token)[^=&]*=)[^&]*", flags=re.IGNORECASE
)


def masked(setting: Setting, text: str) -> str:
    """Return a setting's text for display: secrets whole, passwords and keys inside URLs.

    In doubt too much is hidden: whatever stands before a URL's last @, and every option whose
    name sounds like a secret.
    """
    if not setting.secret or not text:
        return text
    if "://" not in text:
        return "***"
    return ",".join(_mask_url(url) for url in re.split(r",(?=\s*[A-Za-z0-9+.-]+://)", text))


def _mask_url(url: str) -> str:
    without_login = re.sub(r"://.*@", "://***@", url, flags=re.DOTALL)
    return _SECRET_OPTION.sub(r"\1***", without_login)
