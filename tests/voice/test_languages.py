"""The language of a note is one the agent speaks."""

import pytest

from voice.languages import by_name, choose, known, spoken_by


def test_malay_and_javanese_are_not_taken_for_anything_but_indonesian() -> None:
    heard = [("ms", 0.4), ("jw", 0.3), ("en", 0.2), ("id", 0.1)]

    language, probability = choose(heard, ["id", "en"])

    assert language == "id"
    assert probability == pytest.approx(0.8)


def test_an_agent_that_speaks_malay_hears_malay() -> None:
    assert choose([("ms", 0.7), ("id", 0.2), ("en", 0.1)], ["id", "en", "ms"])[0] == "ms"


def test_between_neighbours_the_agents_first_language_has_the_benefit_of_the_doubt() -> None:
    assert choose([("ms", 0.5), ("id", 0.4)], ["id", "en", "ms"])[0] == "id"
    assert choose([("id", 0.5), ("ms", 0.4)], ["ms", "id"])[0] == "ms"


def test_neighbours_do_not_lose_to_a_third_by_their_number() -> None:
    assert choose([("en", 0.34), ("id", 0.33), ("ms", 0.33)], ["id", "en", "ms"])[0] == "id"
    assert choose([("en", 0.5), ("id", 0.3), ("ms", 0.2)], ["id", "ms"])[0] == "id"
    assert choose([("en", 0.6), ("id", 0.2), ("ms", 0.2)], ["id", "en", "ms"])[0] == "en"


def test_a_language_the_agent_does_not_speak_is_never_chosen() -> None:
    assert choose([("ja", 0.9), ("en", 0.06), ("id", 0.04)], ["id", "en"])[0] == "en"
    assert choose([("ja", 1.0)], ["id", "en"]) == ("id", 0.0)


def test_with_no_languages_given_any_may_be_heard() -> None:
    assert choose([("en", 0.2), ("ja", 0.8)], []) == ("ja", 0.8)


def test_codes_are_those_of_whisper() -> None:
    assert known(["id-ID", "EN", "jv", "id", "xx"]) == ("id", "en", "jw")
    assert spoken_by("auto") == ("id", "en", "ms")
    assert spoken_by("ms-MY") == ("ms", "id", "en")


@pytest.mark.parametrize(("name", "code"), [("indonesian", "id"), ("English", "en"), ("id", "id"), ("klingon", None)])
def test_servers_name_languages_in_their_own_way(name: str, code: str | None) -> None:
    assert by_name(name) == code
