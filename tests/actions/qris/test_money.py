import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.qris import Ambiguous, Amount, NotAnAmount, amount_in_words, find_amount, format_rupiah, parse_amount


@pytest.mark.parametrize(
    ("text", "rupiah"),
    [
        ("50000", 50000), ("50.000", 50000), ("Rp50.000", 50000), ("Rp. 50.000,-", 50000), ("50rb", 50000),
        ("50 ribu", 50000), ("50k", 50000), ("50K", 50000), ("1.500.000", 1_500_000), ("2jt", 2_000_000),
        ("10jt", 10_000_000), ("Rp 50.000,00", 50000), ("1,5jt", 1_500_000), ("1.5jt", 1_500_000),
        ("1,5 juta", 1_500_000), ("1,25jt", 1_250_000), ("50000.00", 50000), ("50000,00", 50000),
        ("５００００", 50000), ("50.000.000", 50_000_000), ("1jt500rb", 1_500_000), ("1 juta 500 ribu", 1_500_000),
        ("50,000.00", 50000), ("1,500,000", 1_500_000), ("12,5rb", 12500), ("0,5jt", 500_000), ("Rp50rb,-", 50000),
        ("50000 rupiah", 50000), ("\u00a050rb ", 50000), ("𝟓𝟎𝐫𝐛", 50000), ("5 miliar", 5_000_000_000),
    ],
)  # fmt: skip
def test_an_amount_as_people_write_it(text, rupiah):
    found = parse_amount(text)
    assert isinstance(found, Amount)
    assert found == rupiah
    assert not found.confirm


@pytest.mark.parametrize(
    ("text", "rupiah"), [("50", 50), ("50,000", 50000), ("IDR 50,000", 50000), ("Rp500", 500), ("0,5rb", 500)]
)
def test_an_amount_that_is_asked_back(text, rupiah):
    found = parse_amount(text)
    assert isinstance(found, Amount)
    assert found == rupiah
    assert found.confirm


@pytest.mark.parametrize(
    "text", ["1.500rb", "1.250jt", "1,500rb", "50.000k", "50.00", "5.0", "50.5", "5,5", "50,00", "5m"]
)
def test_an_ambiguous_amount_is_no_number(text):
    found = parse_amount(text)
    assert isinstance(found, Ambiguous)
    assert found.readings


@pytest.mark.parametrize(
    "text",
    [
        "-5000", "+5000", "0", "00", "0rb", "0,00", "1e5", "NaN", "inf", "50 000", "", " ", "50.000,5", "50000.5",
        "lima puluh ribu", "1.000.00", "12.34.567", "1.2345", "٥٠٠٠٠", "५००००", "050000", "0.500.000", "5²", "½", "①00",
        "Rp", "rb", "50rbjt", "50rb ya", "50rban", "5O000", "1jt500", "500rb1jt", "1,2345jt", "99999999999999", "50.000.00",
        "1.500.000rb", "0x50", "50_000", "Rp-50.000", "50%",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_rejected(text):
    assert isinstance(parse_amount(text), NotAnAmount)


@given(st.integers(1000, 9_999_999_999_999))
def test_what_is_written_with_dots_is_read_back(rupiah):
    assert parse_amount(format_rupiah(rupiah)) == rupiah
    assert parse_amount(str(rupiah)) == rupiah
    assert find_amount(f"tolong bayar {format_rupiah(rupiah)} ya") == rupiah


@given(st.text(max_size=30))
def test_any_text_gives_one_of_three_answers(text):
    found = parse_amount(text)
    assert isinstance(found, Amount | Ambiguous | NotAnAmount)
    if isinstance(found, Amount):
        assert 1 <= found <= 9_999_999_999_999
    find_amount(text)
    amount_in_words(text)


@pytest.mark.parametrize(
    ("sentence", "rupiah"),
    [
        ("bayar 50rb ya kak", 50000), ("total 36.000 kan?", 36000), ("pay 50k", 50000), ("bayar Rp 50.000,-", 50000),
        ("50000 ya", 50000), ("bayar 1jt 500rb dong", 1_500_000), ("bayar 75.000.", 75000), ("bayar 75.000, makasih", 75000),
        ("nominal: 50.000", 50000), ("QRIS 50rb", 50000), ("transfer 100.000 rupiah", 100_000), ("bayar 123456", 123456),
        ("jam 10.30 saya bayar 25rb untuk 2 kopi pesanan KS-12345", 25000),
    ],
)  # fmt: skip
def test_the_amount_in_a_sentence(sentence, rupiah):
    assert find_amount(sentence) == rupiah


@pytest.mark.parametrize(
    "sentence",
    [
        "order KS-12345", "hp saya 08123456789", "+62 812 3456 789", "jam 10.30 ya", "tgl 12/03/2026", "2 kopi ya",
        "pesanan 12345", "tahun 2026", "bayar 5 kopi", "diskon 20%", "5 m dari sini", "kirim qris dong", "invoice 50000",
        "bayar -5000", "50rban",
    ],
)  # fmt: skip
def test_other_numbers_are_no_amounts(sentence):
    assert find_amount(sentence) is None


def test_a_bare_number_after_a_word_of_paying_is_asked_back():
    found = find_amount("mau bayar 50")
    assert found == 50
    assert isinstance(found, Amount)
    assert found.confirm


@pytest.mark.parametrize("sentence", ["2 kopi susu 18rb, bayar 36rb", "bayar 1.500rb", "bayar 5m", "18.000 + 20.000"])
def test_several_amounts_in_a_sentence_are_ambiguous(sentence):
    assert isinstance(find_amount(sentence), Ambiguous)


@pytest.mark.parametrize(
    ("sentence", "rupiah"),
    [
        ("lima puluh ribu", 50000), ("saya mau bayar tujuh puluh lima ribu ya", 75000), ("satu setengah juta", 1_500_000),
        ("seratus lima puluh ribu", 150_000), ("seratus dua puluh lima ribu lima ratus", 125_500), ("setengah juta", 500_000),
        ("sejuta dua ratus ribu", 1_200_000), ("dua koma lima juta", 2_500_000), ("sebelas ribu", 11000),
        ("dua belas ribu lima ratus", 12500), ("lima ratus rupiah", 500), ("seribu lima ratus", 1500), ("goceng", 5000),
        ("fifty thousand", 50000), ("one and a half million", 1_500_000), ("a hundred thousand rupiah", 100_000),
    ],
)  # fmt: skip
def test_an_amount_in_words_is_asked_back(sentence, rupiah):
    found = amount_in_words(sentence)
    assert isinstance(found, Amount)
    assert found == rupiah
    assert found.confirm


@pytest.mark.parametrize(
    "sentence", ["mau pesan dua kopi", "dua puluh", "satu satu ribu", "halo kak", "lima lima ribu"]
)
def test_words_that_are_no_amount(sentence):
    assert amount_in_words(sentence) is None


@pytest.mark.parametrize(
    "text",
    ["1" * 60_000, "1." * 30_000, "1 " * 30_000, "setengah " * 5_000 + "juta", "satu koma " * 5_000, "rp " * 20_000],
)
def test_an_endless_text_is_no_amount_and_takes_no_time(text):
    assert not isinstance(parse_amount(text), int)
    assert not isinstance(find_amount(text), int)
    assert amount_in_words(text) is None


def test_two_amounts_in_words_are_ambiguous():
    assert amount_in_words("lima puluh ribu atau enam puluh ribu") == Ambiguous(
        "lima puluh ribu atau enam puluh ribu", (50000, 60000)
    )
