"""What the offline model says in its own words: the section `[sayings]` of each language's data file."""

from language.detect import DEFAULT
from language.tables import languages, section


def say(key: str, language: str, **values: str) -> str:
    """Word a saying in the customer's language.

    Args:
        key: of the saying.
        language: code; one without sayings of its own is answered in Indonesian.
        values: what the saying has room for.
    """
    known = language if language in languages() else DEFAULT
    return str(section(known, "sayings")[key]).format(**values)


def in_every_language(key: str) -> list[str]:
    """List a saying without values in every language, to find it among earlier replies."""
    return [str(section(language, "sayings")[key]) for language in languages()]
