import pytest

from agent.config.texts import Text


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (Text.of("Halo"), "en", "Halo"),
        (Text.of(id="Halo", en="Hello"), "id", "Halo"),
        (Text.of(id="Halo", en="Hello"), "en-GB", "Hello"),
        (Text.of(id="Halo", en="Hello"), "fr", "Hello"),
        (Text.of(id="Halo", ms="Hai"), "fr", "Halo"),
        (Text.of(id="Halo", en="Hello"), None, "Hello"),
    ],
)
def test_a_text_is_given_in_the_nearest_language(text: Text, language: str | None, expected: str) -> None:
    assert text.in_language(language) == expected
