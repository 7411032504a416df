"""Phrases and the time they mean, on Saturday 21 November 2026, ten in the morning in Jakarta."""

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import language
from language.dates import day_named, exact_moment, moment_named, moments_in, parse_when, time_named, without_times

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

TABLE = """
besok jam 9                    | 2026-11-22 09:00
2 jam lagi                     | 2026-11-21 12:00
dua jam lagi                   | 2026-11-21 12:00
sejam lagi                     | 2026-11-21 11:00
setengah jam lagi              | 2026-11-21 10:30
20 menit lagi ya kak           | 2026-11-21 10:20
3 hari lagi jam 4 sore         | 2026-11-24 16:00
seminggu lagi                  | 2026-11-28 10:00
in 2 hours                     | 2026-11-21 12:00
in half an hour                | 2026-11-21 10:30
next monday 10am               | 2026-11-23 10:00
senin depan jam 3              | 2026-11-23 15:00
hari senin pukul 14.30         | 2026-11-23 14:30
friday                         | 2026-11-27 09:00
minggu depan                   | 2026-11-28 09:00
minggu depan hari rabu jam 10  | 2026-11-25 10:00
hari minggu jam 8              | 2026-11-22 08:00
bulan depan                    | 2026-12-21 09:00
lusa sore                      | 2026-11-23 16:00
nanti malam                    | 2026-11-21 19:00
nanti jam 7 malam              | 2026-11-21 19:00
nanti sore jam 5               | 2026-11-21 17:00
besok malam jam 8              | 2026-11-22 20:00
besok jam sebelas siang        | 2026-11-22 11:00
jam 9                          | 2026-11-21 21:00
jam 3                          | 2026-11-21 15:00
jam 12 malam                   | 2026-11-22 00:00
jam setengah 8 malam           | 2026-11-21 19:30
jam 9 kurang 15 besok          | 2026-11-22 08:45
besok jam 10 WITA              | 2026-11-22 09:00
25 desember jam 8              | 2026-12-25 08:00
25/12/2026 08:00               | 2026-12-25 08:00
2026-12-25 08:00               | 2026-12-25 08:00
2026-11-22T09:00:00+08:00      | 2026-11-22 08:00
tanggal 25                     | 2026-11-25 09:00
tanggal 3                      | 2026-12-03 09:00
5 januari                      | 2027-01-05 09:00
tomorrow at 9                  | 2026-11-22 09:00
tomorrow morning at 8          | 2026-11-22 08:00
the day after tomorrow at noon | 2026-11-23 12:00
tonight                        | 2026-11-21 19:00
at 5                           | 2026-11-21 17:00
selasa jam 9-10                | 2026-11-24 09:00
selasa jam 9 - 10 pagi         | 2026-11-24 09:00
besok jam 2-4 sore             | 2026-11-22 14:00
jam 13-15                      | 2026-11-21 13:00
rabu jam 09.00-10.00           | 2026-11-25 09:00
tuesday 9-10am                 | 2026-11-24 09:00
tuesday at 9-10                | 2026-11-24 09:00
tanggal 9-10                   | 2027-10-09 09:00
thursday at half past four     | 2026-11-26 16:30
quarter to 5 tomorrow          | 2026-11-22 16:45
tomorrow at quarter past nine  | 2026-11-22 09:15
esok pukul 3 petang            | 2026-11-22 15:00
terserah                       | -
kemarin                        | -
hari ini                       | -
2 jam                          | -
saya pesan 2 kopi              | -
2020-01-01 10:00               | -
31 februari                    | -
"""


@pytest.mark.parametrize(("phrase", "expected"), [line.split("|") for line in TABLE.strip().splitlines()])
def test_a_phrase_means_a_time(phrase: str, expected: str) -> None:
    moment = parse_when(phrase, NOW, JAKARTA)
    assert (moment.astimezone(JAKARTA).strftime("%Y-%m-%d %H:%M") if moment else "-") == expected.strip()


@given(st.text(max_size=60), st.integers(946_684_800, 3_786_912_000))
def test_whatever_is_written_the_time_is_to_come_and_in_utc(text: str, at: int) -> None:
    now = datetime.fromtimestamp(at, UTC)
    moment = parse_when(text, now, JAKARTA)
    assert moment is None or (moment > now and moment.utcoffset() == timedelta(0))


def test_a_day_alone_is_no_exact_moment() -> None:
    assert exact_moment("besok", NOW, JAKARTA) is None
    assert exact_moment("besok jam 9", NOW, JAKARTA) == datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert exact_moment("3 hari lagi", NOW, JAKARTA) == NOW + timedelta(days=3)


@pytest.mark.parametrize(
    ("phrase", "day", "at"),
    [
        ("besok jam 9 malam", date(2026, 11, 22), time(21)),
        ("Senin depan pukul 14.30", date(2026, 11, 23), time(14, 30)),
        ("hari jum'at", date(2026, 11, 27), None),
        ("dua puluh lima Desember", date(2026, 12, 25), None),
        ("on the 5th at 3pm", date(2026, 12, 5), time(15)),
        ("jam 12 malam", None, time(0)),
        ("jam 11 siang", None, time(11)),
    ],
)
def test_the_day_and_the_hour_of_a_phrase_are_read_apart(phrase: str, day: date | None, at: time | None) -> None:
    assert day_named(phrase, date(2026, 11, 21)) == day
    assert time_named(phrase) == at


def test_what_is_left_of_a_text_without_its_times() -> None:
    assert without_times("besok jam 9 bayar pesanan") == "bayar pesanan"
    assert without_times("jam 12 makan siang") == "makan siang"


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    """Esperanto, in a copy of the package."""
    shutil.copytree(Path(language.__file__).parent, tmp_path / "language")
    (tmp_path / "language" / "data" / "eo.toml").write_text(
        "[language]\nname = 'Esperanto'\n[numbers]\ndigits = { tri = 3, kvar = 4 }\nten = 'dek'\n"
        "[calendar]\ndays = 'lundo mardo merkredo ĵaŭdo vendredo sabato dimanĉo'\n"
        "months = 'januaro februaro marto aprilo majo junio julio aŭgusto septembro oktobro novembro decembro'\n"
        "[dates]\nclock = 'je'\nahead_before = 'post'\n[dates.units]\nday = 'tagoj'\n[dates.days]\n'morgaŭ' = 1\n"
    )
    program = (
        "from datetime import UTC, datetime\nfrom language.dates import moment_named\n"
        "now = datetime(2026, 11, 21, 3, tzinfo=UTC)\n"
        "for said in ('morgaŭ je kvar', 'post tri tagoj', 'ĵaŭdo', '24 decembro je 9'): print(moment_named(said, now, UTC).isoformat())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        f"{day}:00:00+00:00" for day in ("2026-11-22T16", "2026-11-24T03", "2026-11-26T09", "2026-12-24T09")
    ]


@pytest.mark.parametrize(
    "text",
    ["99999999999 hari lagi", "9" * 400 + " jam lagi", "in 99999999999 weeks", "99999999 minggu lagi",
     "9999-12-31T23:59:59-14:00", "0001-01-01T00:00+14:00", "2026-13-01 10:00", "2026-02-30T10:00", "2026-12-01T10:61:00+07:00",
     "2026-12-01T10:00:00+99:00", "2026-12-01t24:30z"],
)  # fmt: skip
def test_a_time_that_no_calendar_has_is_none(text: str) -> None:
    now = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
    assert parse_when(text, now, UTC) is None
    assert moments_in(text, now, UTC) == set()
    assert exact_moment(text, now, UTC) is None


@pytest.mark.parametrize(
    "phrase",
    [
        "senin jam 30",
        "senin jam 24",
        "besok jam 24.30",
        "senin pukul 24:00",
        "besok jam 13.75",
        "besok jam 10:61",
        "tomorrow at 25:00",
        "lusa 99:99",
        "besok jam 100",
        "tanggal 31 Februari jam 9",
        "30 february 9am",
        "32 desember jam 8",
        "2027-02-30 09:00",
    ],
)
def test_an_hour_or_a_day_that_there_is_not_means_no_time(phrase: str) -> None:
    assert moment_named(phrase, NOW, JAKARTA) is None


@given(
    st.sampled_from(["besok", "lusa", "senin", "tomorrow", "friday"]),
    st.integers(24, 999),
    st.sampled_from(["jam", "pukul", "at"]),
)
def test_no_hour_beyond_the_day_is_read_as_another(day: str, hour: int, word: str) -> None:
    assert moment_named(f"{day} {word} {hour}", NOW, JAKARTA) is None


@pytest.mark.parametrize(
    "phrase",
    ["2 jam 30 menit lagi", "dalam 48 jam", "besok jam 9 buat 30 orang", "in 2 hours 45 minutes", "besok 08:00-09:00"],
)
def test_a_number_that_is_no_hour_leaves_a_time_alone(phrase: str) -> None:
    assert moment_named(phrase, NOW, JAKARTA) is not None
