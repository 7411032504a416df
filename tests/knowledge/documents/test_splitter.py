"""Passages follow the text: nothing is cut, nothing is lost, offsets point at the source."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.documents.splitter import ENOUGH, FULL, count_words, sentences, split
from knowledge.documents.text import load_plain, parse_markdown

WORD = st.sampled_from(
    "kopi susu senja buka jam delapan pagi kirim ke Bandung harga 25.000 Jl. Merdeka No. 5 kami".split()
)
SENTENCE = st.builds(
    lambda several, end: " ".join(several) + f" selesai{end}",
    st.lists(WORD, min_size=2, max_size=40),
    st.sampled_from(".!?"),
)
PARAGRAPH = st.builds(" ".join, st.lists(SENTENCE, min_size=1, max_size=14))
TABLE = st.builds(
    lambda rows: "| kota | ongkir |\n|---|---|\n" + "\n".join(f"| kota {n} | {row} |" for n, row in enumerate(rows)),
    st.lists(st.integers(1, 99_999), min_size=1, max_size=30),
)
HEADING = st.builds(lambda level, word: f"{'#' * level} Bab {word}", st.integers(1, 3), WORD)
MARKDOWN = st.builds("\n\n".join, st.lists(st.one_of(PARAGRAPH, PARAGRAPH, TABLE, HEADING), min_size=1, max_size=12))


@settings(max_examples=30, deadline=None)
@given(MARKDOWN)
def test_no_sentence_and_no_row_is_cut_and_none_is_lost(text: str) -> None:
    loaded = parse_markdown(text)
    found = split("d", loaded)
    spans = [(one.start, one.end) for one in found]
    for block in loaded.blocks:
        if block.kind == "heading":
            continue
        units = [(block.start, block.end)] if block.kind == "row" else list(sentences(text, block.start, block.end))
        for start, end in units:
            assert any(first <= start and end <= last for first, last in spans), text[start:end]
            assert not any(start < edge < end for span in spans for edge in span)


@settings(max_examples=30, deadline=None)
@given(MARKDOWN)
def test_prose_is_a_slice_of_the_source_and_rows_stand_in_theirs(text: str) -> None:
    for one in split("d", parse_markdown(text)):
        if "|" not in text[one.start : one.end]:
            assert one.text == text[one.start : one.end]
        else:
            assert all(part.rsplit(": ", 1)[-1] in text[one.start : one.end] for part in one.text.splitlines())


@settings(max_examples=30, deadline=None)
@given(st.lists(PARAGRAPH, min_size=1, max_size=10))
def test_passages_stay_within_their_size(paragraphs: list[str]) -> None:
    text = "\n\n".join(paragraphs)
    longest = max(count_words(text[start:end]) for start, end in sentences(text))
    found = split("d", load_plain(text.encode()))
    assert all(count_words(one.text) <= FULL + longest for one in found)
    assert all(count_words(one.text) >= min(ENOUGH - longest, 1) for one in found[:-1])


def test_a_long_paragraph_repeats_its_last_sentences_and_a_new_paragraph_does_not() -> None:
    long = " ".join(f"Kalimat nomor {n} berisi sepuluh kata agar cukup panjang untuk dipotong." for n in range(40))
    first, second, *_ = split("d", load_plain(f"{long}\n\nPenutup.".encode()))
    assert second.start < first.end
    assert 0 < count_words(long[second.start : first.end]) <= 30
    short = "\n\n".join("Paragraf pendek ini tidak pernah dipotong oleh siapa pun. " * 8 for _ in range(4))
    parts = split("d", load_plain(short.encode()))
    assert len(parts) > 1
    assert all(later.start >= earlier.end for earlier, later in pairwise(parts))


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    text = "Toko di Jl. Merdeka No. 5, dekat RS. Harga Rp. 25.000 per kg. Buka pk. 08.00! Datang?"
    found = [text[start:end] for start, end in sentences(text)]
    assert found[0].startswith("Toko di Jl. Merdeka No. 5")
    assert "Harga Rp. 25.000 per kg." in found
    assert found[-1] == "Datang?"


def test_words_are_counted_in_scripts_without_spaces() -> None:
    assert count_words("jam buka toko") == 3
    assert count_words("咖啡店几点开门") == 4
    assert count_words("ร้านเปิดกี่โมง") == 4


def test_a_heading_path_leads_to_every_passage() -> None:
    [first, second] = split(
        "d", parse_markdown("# Toko\n\n## Kirim\n\nA.\n\n### Luar kota\n\nB.\n"), title="Kopi Senja"
    )
    assert (first.title, second.title) == ("Kopi Senja > Toko > Kirim", "Kopi Senja > Toko > Kirim > Luar kota")
    assert (first.id, second.id) == ("d#1", "d#2")
