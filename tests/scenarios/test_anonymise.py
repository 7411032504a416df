import re

from hypothesis import example, given
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


_WORD = st.text(st.characters(categories=["Lu", "Ll", "Lo"], max_codepoint=0x24F), min_size=3, max_size=9).filter(
    lambda word: word.isalpha() and word.casefold() not in RESERVED
)
RESERVED = frozenset("budi sari rina andi dewi agus putri joko wati hadi halo nama saya dan ini bapak bpk pak ibu kak kakak".split()) | {
    "mas", "mba", "mbak", "bang", "tante", "mrs", "drs", "toko", "customer", "example", "com",
}  # fmt: skip


@given(st.lists(_WORD, min_size=1, max_size=4, unique_by=str.casefold), st.sampled_from([" ", "  ", "-", " 🌸 ", ". "]))
@example(["Ratna", "Wulandari"], " ")
def test_each_part_of_a_name_in_one_field_has_the_same_stand_in_everywhere(parts: list[str], between: str) -> None:
    anonymiser = Anonymiser()
    whole = between.join(parts)
    told = anonymiser.learn_name(whole)
    text = anonymiser(f"nama saya {whole}, {parts[0].casefold()}! ini {parts[-1].upper()}2 dan {whole}.")
    assert text.startswith(f"nama saya {told}, ")
    assert text.endswith(f" dan {told}.")
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    assert not words & {part.casefold() for part in parts}
    assert anonymiser.learn_name(parts[0]) == anonymiser(parts[0])


def test_what_tells_of_nobody_stays_in_a_name() -> None:
    anonymiser = Anonymiser()
    assert anonymiser.learn_name("Ibu R. Di Wulandari") == "Ibu R. Budi Sari"
    assert anonymiser("ibu, kirim di sana ya. Di Wulandari, R.") == "ibu, kirim di sana ya. Budi Sari, R."
