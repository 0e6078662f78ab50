"""The files that TLS options name, looked at before a connection needs them."""

import ssl
from pathlib import Path

from notifier.setting import UnfitValue

Named = tuple[str, str | None]  # an option's name and the path that it gives


def check_tls_files(
    *, ca: Named, certificate: Named, key: Named, has_password: bool = False
) -> None:
    """Raise UnfitValue for a file that is missing, unreadable or not what its option says.

    A key behind a password is only looked for (`has_password`): who connects has to open it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca[1] is not None:
        _refuse_unreadable(*ca)
        _load_authorities(context, name=ca[0], path=ca[1])
    if (certificate[1] is None) != (key[1] is None):
        raise UnfitValue(f"{certificate[0]} and {key[0]} go together")
    if certificate[1] is None or key[1] is None:
        return
    _refuse_unreadable(*certificate)
    _refuse_unreadable(*key)
    if not has_password:
        _load_chain(context, certificate=certificate, key=key)


def _refuse_unreadable(name: str, path: str | None) -> None:
    try:
        Path(path or "").open("rb").close()
    except OSError as error:
        raise UnfitValue(f"{name}: {path or 'no file'}: {error.strerror}") from error


def _load_authorities(context: ssl.SSLContext, *, name: str, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise UnfitValue(f"{name}: expected certificates in PEM in {path}") from error


def _load_chain(context: ssl.SSLContext, *, certificate: Named, key: Named) -> None:
    try:
        # An empty password, or OpenSSL would ask the terminal for one.
        context.load_cert_chain(str(certificate[1]), str(key[1]), password="")
    except (ssl.SSLError, ValueError) as error:
        raise UnfitValue(
            f"{certificate[0]}, {key[0]}: expected a certificate in PEM in {certificate[1]}"
            f" and its own key, without a password, in {key[1]}"
        ) from error
