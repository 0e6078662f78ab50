"""TLS options of the URLs: what they mean, and the one line that refuses what cannot work."""

import ssl
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from django.apps import apps
from pytest_django import Settings
from structlog.testing import capture_logs

from apps.delivery.management.checkup.encryption import check_encryption
from notifier.configuration import InvalidSetting, read_configuration
from notifier.setting_display import masked
from notifier.setting_list_place import PLACE_SETTINGS
from notifier.tls_options import read_broker_address
from tests.security.tls_certificates import Authority

AMQPS = "amqps://user:word@mq.example.org:5671//"
REDISS = "rediss://:word@cache.example.org:6379/0"
POSTGRES = "postgres://user:word@db.example.org/notifier"
SECRETS = {
    name: token_urlsafe(48) for name in ("SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS")
}


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def read(tmp_path: Path, **environment: str) -> dict[str, Any]:
    return read_configuration({**SECRETS, **environment}, var=tmp_path)


def refuse(tmp_path: Path, **environment: str) -> str:
    with pytest.raises(InvalidSetting) as refused:
        read(tmp_path, **environment)
    told = str(refused.value)
    assert "word" not in told.replace("password", "")
    assert "\n" not in told
    return told


def test_an_authority_alone_verifies_certificate_and_name(tmp_path: Path, ca: Authority) -> None:
    url = f"{POSTGRES}?sslrootcert={ca.path}"
    found = read(tmp_path, DATABASE_URL=url, DATABASE_REPLICA_URL=url)
    for name in ("DATABASE_URL", "DATABASE_REPLICA_URL"):
        options = found[name]["OPTIONS"]
        assert options == {"sslmode": "verify-full", "sslrootcert": str(ca.path)}
    address = read_broker_address(f"{AMQPS}?ssl_ca_certs={ca.path}")
    assert address.url == AMQPS
    assert address.tls == {
        "ca_certs": str(ca.path),
        "certfile": None,
        "keyfile": None,
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": "mq.example.org",
    }


def test_amqps_without_options_verifies_with_the_authorities_of_the_system() -> None:
    tls = read_broker_address(AMQPS).tls
    assert isinstance(tls, dict)
    assert (tls["cert_reqs"], tls["server_hostname"]) == (ssl.CERT_REQUIRED, "mq.example.org")
    assert read_broker_address("amqp://mq//").tls is False


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("DATABASE_URL", f"{POSTGRES}?sslroot=/ca.pem", "PostgreSQL has no option sslroot"),
        ("DATABASE_URL", f"{POSTGRES}?sslmode=on", "sslmode: expected one of disable, allow"),
        ("DATABASE_URL", f"{POSTGRES}?sslmode=verify-full", "needs sslrootcert=FILE"),
        ("DATABASE_URL", f"{POSTGRES}?sslmode=require&sslrootcert={{ca}}", "does not verify"),
        ("DATABASE_URL", f"{POSTGRES}?sslcert={{ca}}", "sslcert and sslkey go together"),
        ("DATABASE_URL", f"{POSTGRES}?sslrootcert=", "sslrootcert: expected a value"),
        ("DATABASE_REPLICA_URL", f"{POSTGRES}?sslrootcert=/no.pem", "/no.pem: No such file"),
        ("BROKER_URL", f"{AMQPS}?cacertfile=/ca.pem", "there is no option cacertfile: expected"),
        ("BROKER_URL", f"{AMQPS}?ssl_ca_certs=/no.pem", "ssl_ca_certs: /no.pem: No such file"),
        ("BROKER_URL", f"{AMQPS}?ssl_ca_certs={{text}}", "expected certificates in PEM"),
        ("BROKER_URL", f"{AMQPS}?ssl_cert_reqs=maybe", "ssl_cert_reqs: expected required or none"),
        ("BROKER_URL", f"{AMQPS};{AMQPS}", "amqps:// takes one host"),
        ("BROKER_URL", "amqp://mq//?ssl_ca_certs={ca}", "ssl_ca_certs goes with amqps://"),
        ("CACHE_URL", "redis://cache?ssl_ca_certs={ca}", "ssl_ca_certs goes with rediss://"),
        ("CACHE_URL", f"{REDISS},redis://b/0", "expected one server"),
        ("CACHE_URL", f"{REDISS}?ssl_ca_cert={{ca}}", "there is no option ssl_ca_cert: expected"),
        ("CACHE_URL", f"{REDISS}?ssl_certfile={{ca}}", "ssl_certfile and ssl_keyfile go together"),
        (
            "CACHE_URL",
            f"{REDISS}?ssl_certfile={{ca}}&ssl_keyfile={{text}}",
            "ssl_certfile, ssl_keyfile: expected a certificate in PEM in",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    tmp_path: Path, ca: Authority, name: str, url: str, told: str
) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    line = refuse(tmp_path, **{name: url.format(ca=ca.path, text=text)})
    assert line.startswith(f"{name}: ")
    assert told in line


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, ca: Authority) -> None:
    one, other = ca.issue("one"), ca.issue("other")
    shown = f"ssl_certfile={one.path}&ssl_keyfile={other.key}"
    assert "and its own key" in refuse(tmp_path, BROKER_URL=f"{AMQPS}?{shown}")
    url = f"{POSTGRES}?sslrootcert=system&sslcert={one.path}&sslkey={other.key}"
    assert "and its own key" in refuse(tmp_path, DATABASE_URL=url)
    read(tmp_path, CACHE_URL=f"{REDISS}?ssl_certfile={one.path}&ssl_keyfile={one.key}")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("BROKER_URL", f"{AMQPS}?ssl_cert_reqs=none"),
        ("BROKER_URL", f"{AMQPS}?ssl_check_hostname=false"),
        ("CACHE_URL", f"{REDISS}?ssl_cert_reqs=none&ssl_cert_reqs=required"),
        ("CACHE_URL", f"{REDISS}?ssl_cert_reqs=none"),
    ],
)
def test_production_leaves_no_check_out(tmp_path: Path, name: str, url: str) -> None:
    read(tmp_path, **{"NOTIFIER_ENV": "staging", name: url})
    line = refuse(tmp_path, **{"NOTIFIER_ENV": "production", name: url})
    option = url.partition("?")[2].partition("&")[0]
    assert line == f"{name}: {option}: expected to be absent in production"


@pytest.mark.parametrize("url", ["amqp://mq//", "amqp://one//;amqp://two//", "memory://"])
def test_plain_connections_stay_possible_in_production(tmp_path: Path, url: str) -> None:
    given = {"DATABASE_URL": POSTGRES, "BROKER_URL": url, "CACHE_URL": "redis://cache/0"}
    found = read(tmp_path, NOTIFIER_ENV="production", **given)
    assert found["BROKER_URL"] == url
    assert found["DATABASE_URL"]["OPTIONS"] == {}


def test_what_only_looks_safe_is_told_at_the_start_and_by_the_doctor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = settings.DATABASES
    monkeypatch.setitem(databases["default"], "OPTIONS", {"sslmode": "verify-full"})
    monkeypatch.setitem(databases, "replica", {"OPTIONS": {"sslmode": "require"}})
    settings.BROKER_URL, settings.CACHE_URL = AMQPS, "redis://cache/0"
    settings.NOTIFIER_ENV = "production"
    with capture_logs() as lines:
        apps.get_app_config("notifier").ready()
    (line,) = lines
    assert line["event"] == "tls_does_not_verify_the_server"
    assert line["options"] == ["DATABASE_REPLICA_URL: sslmode=require"]
    finding = check_encryption()
    assert finding.state == "warning"
    assert "DATABASE_REPLICA_URL: sslmode=require" in finding.message

    monkeypatch.delitem(databases, "replica")
    with capture_logs() as lines:
        apps.get_app_config("notifier").ready()
    assert not lines
    assert (check_encryption().state, check_encryption().message) == (
        "ok",
        "DATABASE_URL, BROKER_URL",
    )


def test_options_are_shown_and_the_password_is_not(ca: Authority) -> None:
    broker = next(setting for setting in PLACE_SETTINGS if setting.name == "BROKER_URL")
    shown = masked(broker, f"{AMQPS}?ssl_ca_certs={ca.path}&ssl_keyfile=/client.key")
    assert f"ssl_ca_certs={ca.path}" in shown
    assert "word" not in shown
