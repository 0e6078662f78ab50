"""Sealing: what opens, where, with which key, and what an error says."""

import pytest
from pytest_django import Settings

from notifier.addresses import mask_addresses, mask_token
from notifier.encryption import Undecryptable, seal, sealing_key, unseal

OLD, NEW = "o" * 48, "n" * 48
PLACE = b"users_user.email"
SECRET = b"ada@example.org"


def test_a_value_opens_with_any_key_and_is_sealed_with_the_first(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = (OLD,)
    old = seal(SECRET, place=PLACE)
    settings.FIELD_ENCRYPTION_KEYS = (NEW, OLD)
    new = seal(SECRET, place=PLACE)
    assert unseal(old, place=PLACE) == unseal(new, place=PLACE) == SECRET
    assert sealing_key(old) != sealing_key(new)


def test_equal_values_are_stored_differently() -> None:
    assert seal(SECRET, place=PLACE) != seal(SECRET, place=PLACE)


def test_a_value_opens_in_its_own_column_alone() -> None:
    stored = seal(SECRET, place=PLACE)
    with pytest.raises(Undecryptable, match=r"users_user\.name: damaged or moved"):
        unseal(stored, place=b"users_user.name")


def test_what_no_key_opens_names_the_setting_and_the_key_and_no_data(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = (OLD,)
    stored = seal(SECRET, place=PLACE)
    settings.FIELD_ENCRYPTION_KEYS = (NEW,)
    with pytest.raises(Undecryptable) as caught:
        unseal(stored, place=PLACE)
    key = sealing_key(stored)
    assert caught.value.message == f"users_user.email: FIELD_ENCRYPTION_KEYS lacks the key {key}"


@pytest.mark.parametrize(
    "stored", ["ada@example.org", "1.a.b", "1.00000000.x y", "2.00000000.QUJD", "1.zzzzzzzz.QUJD"]
)
def test_what_is_no_sealed_value_is_not_quoted(stored: str) -> None:
    with pytest.raises(Undecryptable) as caught:
        unseal(stored, place=PLACE)
    assert stored not in caught.value.message


def test_a_value_that_was_cut_short_is_an_error() -> None:
    with pytest.raises(Undecryptable, match="damaged"):
        unseal(seal(SECRET, place=PLACE)[:20], place=PLACE)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("550 5.1.1 <ada@example.org>: unknown", "550 5.1.1 <a***@example.org>: unknown"),
        ("/users/email/ada%40example.org?x=1", "/users/email/a***%40example.org?x=1"),
        ("no address", "no address"),
        ("ada.lovelace@x, bob@y.org;c@z", "a***@x, b***@y.org;c***@z"),
    ],
)
def test_addresses_in_a_sentence_are_masked(text: str, masked: str) -> None:
    assert mask_addresses(text) == masked


def test_a_short_token_is_hidden_whole() -> None:
    assert (mask_token("12345678"), mask_token("a" * 8 + "b" * 8)) == ("…", "aaaa…bbbb")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ["x" * 100_000 + "@", "a@" * 50_000, "a%40" * 30_000])
def test_masking_takes_no_longer_than_its_text_is_long(text: str) -> None:
    mask_addresses(text)  # a regular expression that tries again from every letter takes minutes
