"""Language tags and the order of fallback."""

import pytest

from apps.templates.languages import InvalidLanguage, language_chain, normalize_language


@pytest.mark.parametrize(
    ("tag", "default", "chain"),
    [
        ("pt-BR", "en", ("pt-BR", "pt", "en")),
        ("PT-br", "en", ("pt-BR", "pt", "en")),
        ("en", "en", ("en",)),
        ("en-GB", "en", ("en-GB", "en")),
        ("zh-hant-TW", "en", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
        ("de", "en-GB", ("de", "en-GB", "en")),
        ("es-419", "en", ("es-419", "es", "en")),
    ],
)
def test_a_chain_goes_from_the_tag_over_shorter_ones_to_the_default(
    tag: str, default: str, chain: tuple[str, ...]
) -> None:
    assert language_chain(tag, default=default) == chain


@pytest.mark.parametrize(
    ("tag", "normal"),
    [("EN", "en"), ("sl-ROZAJ", "sl-rozaj"), ("de-1996", "de-1996"), ("SR-LATN-rs", "sr-Latn-RS")],
)
def test_tags_are_written_in_the_recommended_case(tag: str, normal: str) -> None:
    assert normalize_language(tag) == normal


@pytest.mark.parametrize(
    "tag",
    ["", "e", "engl", "pt_BR", "pt-", "-pt", "pt-BR\n", "en-é", "en-x", "en" + "-abcdefgh" * 9],
)
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidLanguage):
        language_chain(tag, default="en")


def test_a_default_that_is_no_tag_is_refused() -> None:
    with pytest.raises(InvalidLanguage):
        language_chain("en", default="../en")
