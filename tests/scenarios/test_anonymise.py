from hypothesis import given
from hypothesis import strategies as st

from agent.scenarios.anonymise import Anonymiser

_PHONES = (
    st.integers(10_000_000, 99_999_999)
    .map(lambda number: f"0812{number}")
    .filter(lambda number: not number.startswith("08120000"))
)
_PEOPLE = st.lists(
    st.tuples(_PHONES, st.from_regex(r"[a-z]{3,8}@toko\.co\.id", fullmatch=True)), min_size=1, max_size=5
)


@given(_PEOPLE)
def test_what_was_replaced_is_the_same_everywhere_and_is_revealed_again(people: list[tuple[str, str]]) -> None:
    anonymiser = Anonymiser()
    texts = [f"hubungi {phone} atau {email}, KS-10234" for phone, email in people]
    hidden = [anonymiser(text) for text in texts]
    for (phone, email), text in zip(people, hidden, strict=True):
        assert phone not in text
        assert email not in text
        assert "KS-10234" in text
    assert [anonymiser(text) for text in texts] == hidden
    assert anonymiser(hidden) == hidden
    assert anonymiser.reveal({"a": hidden}) == {"a": texts}


@given(_PHONES, _PHONES)
def test_a_stand_in_of_a_recording_is_never_given_to_another_person(first: str, second: str) -> None:
    recording, playing = Anonymiser(), Anonymiser()
    told = recording(f"toko: {first}")  # a model says a number that only the recording has
    asked = recording(f"saya: {second}")
    assert playing(told) == told
    if first != second:
        assert playing(f"saya: {second}") == asked


def test_what_only_an_answer_says_is_never_revealed() -> None:
    anonymiser = Anonymiser()
    asked = anonymiser("saya 0813-5566-7788")
    answer = anonymiser.hide({"text": "0813-5566-7788 kami catat, hubungi 0812-9999-8888"})
    assert anonymiser.reveal(answer) == {"text": "0813-5566-7788 kami catat, hubungi 081200000002"}
    assert anonymiser.reveal(asked) == "saya 0813-5566-7788"


def test_an_address_keeps_its_spelling_and_a_number_that_is_none_stays() -> None:
    anonymiser = Anonymiser(keep=["+6281355667788"])
    assert anonymiser.reveal(anonymiser("tulis ke Budi.S@Toko.co.id")) == "tulis ke Budi.S@Toko.co.id"
    assert anonymiser("0813-5566-7788, pesanan KS-10234, Rp120.000") == "0813-5566-7788, pesanan KS-10234, Rp120.000"
