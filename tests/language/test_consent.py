"""What answers a question that wants a yes: measured on answers written for balas, and properties that hold for all of them."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import language
from language.consent import consent, yes_or_no

DATA = Path(__file__).parent / "data"
SHIP, CANCEL = "Kirim pesanan KS-10345?", "Batalkan pesanan KS-10345?"


@dataclass(frozen=True)
class Example:
    part: str
    verdict: str
    question: str
    answer: str

    @property
    def read(self) -> str:
        return yes_or_no(self.answer, self.question) or "neither"


def examples(name: str) -> Iterator[Example]:
    """Read a corpus: the head of the file says how it is written."""
    questions: dict[str, str] = {}
    part, verdict, key = "plain", "", ""
    for line in (DATA / name).read_text("utf-8").splitlines():
        match line[:2]:
            case "? ":
                key, _, asked = line[2:].partition(" = ")
                questions[key] = asked
            case "! ":
                part = line[2:]
            case "= ":
                verdict, key = line[2:].split()
            case "# " | "":
                pass
            case _:
                yield Example(part, verdict, questions[key], line.replace("\\n", "\n"))


CORPUS = list(examples("consent.txt"))
HELD_OUT = list(examples("consent_held_out.txt"))
FRESH = {path.name: list(examples(path.name)) for path in sorted(DATA.glob("consent_fresh_*.txt"))}
"""Each was written after the one before was mended; their heads say how they were first read, which is what a new customer meets."""
CONSENTS = [example for example in CORPUS if example.verdict == "yes"]


def figures(corpus: list[Example]) -> tuple[float, float]:
    """Precision and recall of yes."""
    given_, read = [e for e in corpus if e.verdict == "yes"], [e for e in corpus if e.read == "yes"]
    right = [e for e in read if e.verdict == "yes"]
    return len(right) / len(read), len(right) / len(given_)


def test_a_yes_is_read_with_precision_and_most_of_them_are_read() -> None:
    precision, recall = figures(CORPUS)
    assert len(CORPUS) >= 400
    assert precision >= 0.995
    assert recall >= 0.95


def test_the_answers_that_were_held_out_are_read_as_well() -> None:
    precision, recall = figures(HELD_OUT)
    assert len(HELD_OUT) >= 150
    assert precision >= 0.995
    assert recall >= 0.9


def test_each_fresh_batch_is_read_with_precision_and_most_of_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    for name, batch in FRESH.items():
        precision, recall = figures(batch)
        with capsys.disabled():
            print(f"\n{name}: {len(batch)} answers, precision {precision:.1%}, recall {recall:.1%}", end="")
        assert precision >= 0.995, name
        assert recall >= 0.8, name
    precision, recall = figures([example for batch in FRESH.values() for example in batch])
    assert precision >= 0.995
    assert recall >= 0.93


def test_what_only_looks_like_a_yes_is_none() -> None:
    adversarial = [e for e in CORPUS + HELD_OUT if e.part == "adversarial"]
    assert len(adversarial) > 100
    assert not [e for e in adversarial if "yes" in (e.verdict, e.read)]


def test_a_yes_is_never_read_as_a_no() -> None:
    every = [*CORPUS, *HELD_OUT, *itertools.chain(*FRESH.values())]
    assert not [e for e in every if e.verdict == "yes" and e.read == "no"]


def test_no_consent_outlives_a_condition_a_question_or_a_retraction() -> None:
    additions = (
        " tapi ganti dulu",
        " kalau gratis",
        " asal besok sampai",
        ", but only if it is free",
        " unless it costs more",
        "?",
        ", berapa totalnya",
        "\neh jangan",
        ". No wait",
        "\ngak jadi deh",
        ", tunggu dulu",
    )
    assert not [
        (e.question, e.answer + more)
        for number, e in enumerate(CONSENTS)
        for more in additions[number % 3 :: 3]
        if consent(e.answer + more, e.question) == "yes" or yes_or_no(e.answer + more, e.question) == "yes"
    ]


def test_thanks_emoji_and_letters_held_down_change_nothing() -> None:
    varied = ("{}, makasih kak", "{} 🙏🏽", "{} 😊", "  {}  ", "{}\u200b", "{}!!!")
    read = [e for e in CONSENTS if e.read == "yes"]
    assert len(read) > 300
    assert not [
        (e.question, text)
        for e in read
        for text in (e.answer.upper(), *(form.format(e.answer) for form in varied))
        if yes_or_no(text, e.question) != "yes"
    ]


UNDOING = ["batalkan", "batalin", "batal", "cancel", "hapus", "jangan", "gak jadi", "gak usah", "don't", "stop"]
AGREEING = ["ya", "iya", "ok", "oke", "oke kak", "siap", "boleh", "yes", "sure", "👍", "baik", "yes please", "ya udah"]


@given(
    st.sampled_from(AGREEING),
    st.sampled_from([" ", ", ", "\n", ". ", " kak "]),
    st.sampled_from(UNDOING),
)
def test_a_word_of_undoing_never_says_yes_to_doing(agreeing: str, between: str, undoing: str) -> None:
    for text in (f"{agreeing}{between}{undoing}", f"{undoing}{between}{agreeing}"):
        assert consent(text, SHIP) != "yes"


@given(
    st.sampled_from(AGREEING),
    st.sampled_from([" ", ", ", ". "]),
    st.sampled_from(["tetap kirim", "kirim aja", "keep the order", "lanjut kirim", "tetap jalan aja"]),
)
def test_a_word_of_doing_never_says_yes_to_undoing(agreeing: str, between: str, doing: str) -> None:
    assert yes_or_no(f"{agreeing}{between}{doing}", CANCEL) != "yes"


@given(st.integers(2, 10**6), st.sampled_from(["ya {}", "iya, {} ya", "oke {} aja", "yes, {}", "boleh Rp{}"]))
def test_a_number_that_was_not_asked_about_is_no_yes(number: int, text: str) -> None:
    read = yes_or_no(text.format(number), "Bayar Rp50.000?")
    assert read != "yes" or number == 50_000


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("ya sudah", SHIP, "open"),
        ("ya udah", CANCEL, "open"),
        ("batal", CANCEL, "open"),
        ("jadi", CANCEL, "open"),
        ("iya kirim ke jalan melati", SHIP, "open"),
        ("oke mau lihat menu", SHIP, None),
        ("ya kalau gratis", SHIP, None),
        ("ya?", SHIP, None),
        ("ya. Kapan sampai?", SHIP, None),
        ("lanjut kak. Kapan sampai?", SHIP, "open"),
        ("batalkan", "Kirim KS-1? Setelah dikirim pesanan tidak bisa dibatalkan.", "no"),
        ("ya", "Kirim KS-1 atau batalkan?", "open"),
        ("iya 50000", "Bayar Rp50.000?", "yes"),
        ("ya Rp60.000", "Bayar Rp50.000?", None),
        ("", SHIP, None),
        ("   ", SHIP, None),
        ("🤷", SHIP, None),
    ],
)
def test_words_that_leave_it_open_are_told_from_something_else(text: str, asked: str, expected: str | None) -> None:
    assert consent(text, asked) == expected


ALTERNATIVES = [
    ("sprei", "selimut", "bedcover", "gorden"),
    ("mawar", "melati", "tulip", "lily"),
    ("gopay", "ovo", "dana", "shopeepay"),
    ("jne", "jnt", "sicepat", "gosend"),
    ("sabtu", "minggu", "senin", "jumat"),
    ("cokelat", "vanila", "stroberi", "pandan"),
    ("merah", "hitam", "navy", "krem"),
    ("deluxe", "superior", "suite", "standard"),
    ("budi", "siti", "rina", "agus"),
    ("bandung", "surabaya", "medan", "bali"),
    ("nasi goreng", "mie ayam", "soto", "rendang"),
    ("kaos", "kemeja", "hoodie", "jaket"),
    ("besar", "kecil", "jumbo", "mini"),
    ("bca", "mandiri", "bni", "bri"),
]
NAMING = [
    *(
        "iya {} ya",
        "ya {}",
        "oke {} aja",
        "yang {} ya kak",
        "siap, {} ya",
        "yes {}",
        "iya kak {}",
        "the {} one, yes",
        "iya pesan {}",
    ),
    *(
        "iya tolong {} aja",
        "ya kak saya mau {}",
        "oke buat {} dong",
        "yes book {} please",
        "iya kak, tolong kirim {}",
        "yes, {} is fine",
    ),
]


@example(ALTERNATIVES[2], 0, 1, "Bayar pakai {}?", "iya {} ya")  # what a search takes for the same
@example(ALTERNATIVES[4], 0, 1, "Pesan meja untuk {}?", "ya {}")
@given(
    st.sampled_from(ALTERNATIVES),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from(["Kirim {}?", "Pesan {} untuk Kakak?", "Proses {}, total Rp85.000?", "Order {} now?"]),
    st.sampled_from(NAMING),
)
def test_a_yes_that_names_another_thing_than_was_asked_is_none(
    things: tuple[str, ...], at: int, further: int, asked: str, answer: str
) -> None:
    question, other = asked.format(things[at]), answer.format(things[(at + further) % len(things)])
    assert yes_or_no(other, question) != "yes"


@pytest.mark.parametrize("things", ALTERNATIVES, ids=lambda things: things[0])
def test_a_yes_that_names_what_was_asked_is_one(things: tuple[str, ...]) -> None:
    for thing in things:
        for answer in ("iya {} ya", "oke {}", "siap, {} ya", "yes {}", "iya kak {}"):
            assert yes_or_no(answer.format(thing), f"Kirim {thing} sekarang?") == "yes", (thing, answer)


@pytest.mark.parametrize("answer", ["iya 2 bln", "ya per 1 feb", "iya februari aja"])
def test_a_word_of_the_question_may_be_shortened(answer: str) -> None:
    assert yes_or_no(answer, "Bekukan mulai 1 Februari selama 2 bulan?") == "yes"


@pytest.mark.parametrize("question", [CANCEL, "Hapus akun Kakak beserta semua poinnya?", "Stop the weekly box?"])
@pytest.mark.parametrize(
    "answer",
    [
        *("iya, aku gak bilang gitu", "ya, kami gak setuju", "yes, I don't think so", "ya saya gak minta itu"),
        *("yes, I didn't ask for that", "yes I don't want to lose my points", "ya saya gak mau poinnya hilang"),
        *("iya kak udah gak setuju", "yeah, I don't agree", "yes, it's not broken anymore", "ya batalkan 1"),
        *("cancel 1 seat", "yes, I no longer want to cancel", "gak jadi pindah bu"),
    ],
)
def test_a_yes_to_undoing_that_is_denied_behind_it_is_none(question: str, answer: str) -> None:
    assert yes_or_no(answer, question) != "yes"


@pytest.mark.parametrize("question", [CANCEL, "Hapus akun Kakak beserta semua poinnya?", "Stop the weekly box?"])
@pytest.mark.parametrize(
    "answer",
    [
        "yes, I don't use it anymore",
        "iya saya udah gak pake lagi",
        "yes, cancel it, I don't need it anymore",
        "ok 100%",
    ],
)
def test_a_habit_that_ended_is_a_reason_for_undoing(question: str, answer: str) -> None:
    assert yes_or_no(answer, question) == "yes"


@pytest.mark.parametrize("answer", ["batalkan KS-1", "ya KS-1", "iya kak KS-1", "iya batalkan KS-1 ya"])
def test_a_yes_that_names_another_id_is_none(answer: str) -> None:
    for question in ("Batalkan pesanan KS-2?", "Cancel booking BK-7781?", "Hapus akun rp77?"):
        assert consent(answer, question) is None


def test_the_reader_of_answers_stops_a_yes_that_the_rules_misread(monkeypatch: pytest.MonkeyPatch) -> None:
    misread = ("yes if there's no fee", "Cancel your gym membership ending 31 January?")
    assert yes_or_no(*misread) != "yes"
    monkeypatch.setattr("language.consent.likelihood", lambda _: 1.0)
    assert yes_or_no(*misread) == "yes"


def test_not_being_able_to_come_is_no_refusal_to_cancel() -> None:
    assert consent("gak bisa datang", "Batalkan reservasi?") is None


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_is_read_without_an_error(text: str, asked: str) -> None:
    assert consent(text, asked) in ("yes", "no", "open", None)


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    """Esperanto, in a copy of the package."""
    shutil.copytree(Path(language.__file__).parent, tmp_path / "language")
    (tmp_path / "language" / "data" / "eo.toml").write_text(
        "[language]\nname = 'Esperanto'\n[consent]\nyes = 'jes bone'\nno = 'nenio'\nneutral = 'bonvolu'\nconditions = 'se'\n"
    )
    program = (
        "from language.consent import yes_or_no\n"
        "print(yes_or_no('jes bonvolu'), yes_or_no('nenio'), yes_or_no('jes se bone'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["yes", "no", "None"]
