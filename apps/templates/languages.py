"""Language tags (BCP 47) and the order in which a template's languages are tried."""

import re

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MAX_LENGTH = 35  # RFC 5646 §4.4.1: what every implementation must be able to hold


class InvalidLanguage(ValueError):
    """The text is not a language tag."""

    code = "invalid_language"


def normalize_language(tag: str) -> str:
    """Write a tag as RFC 5646 §2.1.1 recommends: `PT-br` is `pt-BR`, `zh-hant` is `zh-Hant`.

    Raises InvalidLanguage.
    """
    if len(tag) > _MAX_LENGTH or not _TAG.fullmatch(tag):
        raise InvalidLanguage("not a language tag such as en, pt-BR or zh-Hant")
    language, *subtags = tag.split("-")
    return "-".join([language.lower(), *map(_normalize_subtag, subtags)])


def language_chain(tag: str, *, default: str) -> tuple[str, ...]:
    """Name the languages to try, best first: the tag, ever shorter (RFC 4647 §3.4), the default.

    Raises InvalidLanguage.
    """
    return tuple(dict.fromkeys([*_shorten(tag), *_shorten(default)]))


def _normalize_subtag(subtag: str) -> str:
    if len(subtag) == 2:  # a region such as BR
        return subtag.upper()
    if len(subtag) == 4 and subtag.isalpha():  # a script such as Hant
        return subtag.title()
    return subtag.lower()


def _shorten(tag: str) -> list[str]:
    subtags = normalize_language(tag).split("-")
    return ["-".join(subtags[:length]) for length in range(len(subtags), 0, -1)]
