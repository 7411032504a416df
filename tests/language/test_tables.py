"""The data files of the languages."""

import pytest

from language import languages
from language.tables import phrases, section, sections, words


def test_every_language_has_its_file_and_its_english_name() -> None:
    assert languages() == ("en", "id", "ms")
    assert [each["name"] for each in sections("language")] == ["English", "Indonesian", "Malay"]


def test_a_section_that_a_language_does_not_have_is_empty() -> None:
    assert section("id", "no such section") == {}
    assert words("no such section", "words") == frozenset()


def test_a_language_without_a_file_is_named_in_the_error() -> None:
    with pytest.raises(LookupError, match=r"xx\.toml"):
        section("xx", "numbers")


def test_phrases_of_all_languages_are_read_together() -> None:
    assert {"sold out", "tidak tersedia", "24 jam"} <= phrases("cells", "states")
    assert phrases("no such section", "states") == frozenset()
