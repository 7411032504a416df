"""Phrases and the time they mean, on Saturday 21 November 2026, ten in the morning in Jakarta."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.dates import parse_when
from tests.actions.conftest import NOW

JAKARTA = ZoneInfo("Asia/Jakarta")

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
