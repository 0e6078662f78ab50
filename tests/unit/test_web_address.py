"""PUBLIC_URL: what links in mails may begin with."""

from pathlib import Path

import pytest

from notifier.configuration import InvalidSetting, read_configuration


def read(address: str) -> str:
    secrets = ("SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS")
    environment = {"PUBLIC_URL": address} | dict.fromkeys(secrets, "x" * 48)
    return str(read_configuration(environment, var=Path("unused"))["PUBLIC_URL"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", "http://127.0.0.1:8000"),
        ("https://notify.example.org/", "https://notify.example.org"),
        ("https://example.org/notify/", "https://example.org/notify"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_path_can_be_appended(given: str, kept: str) -> None:
    assert read(given) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "notify.example.org",
        "ftp://example.org",
        "https://",
        "https://user:password@example.org",
        "https://example.org/?a=1",
        "https://example.org/#a",
        "https://example.org/a b",
        "https://example.org/>",
        "https://example.org:port",
        "https://[::1",
    ],
)
def test_what_is_no_address_stops_the_start(wrong: str) -> None:
    with pytest.raises(InvalidSetting, match="PUBLIC_URL: expected an address such as"):
        read(wrong)
