"""Outside opening hours: an answer, an answer with a note, or one notice; never two of them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.acceptance.flow import rows, until
from tests.acceptance.world import World, world

CLOSED: dict[str, Any] = {"mon-sun": "closed"}
OPEN: dict[str, Any] = {"mon-sun": "00:00-24:00"}
NOTICE = {"id": "Kami tutup, dibalas besok ya.", "en": "We are closed, you will hear from us tomorrow."}


async def _ask(here: World, *texts: str) -> list[str]:
    """What the customer gets for each text in turn, which may be nothing."""
    budi = here.sandbox.phone("+6281234567802")
    for text in texts:
        before = _done(here)
        here.sandbox.say(budi, text)
        await until(lambda before=before: _done(here) > before, here)  # type: ignore[misc]
    return [str(message.content["text"]) for message in here.sandbox.sent(budi)]


def _done(here: World) -> int:
    """How many messages of customers have their outcome; none while something is still to be sent."""
    return int(rows(here, _DONE)[0][0])


_DONE = """SELECT count(*) FROM inbound
WHERE outcome IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbound WHERE state IN ('pending', 'sending', 'uncertain'))"""


async def test_outside_hours_the_agent_answers_as_always_where_it_may(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"hours": {**CLOSED, "outside": "answer"}}) as here:
        await here.start()
        assert await _ask(here, "harga kopi berapa?") == ["Jawaban untuk: harga kopi berapa?"]


async def test_a_notice_is_given_once_per_absence_in_the_customers_language(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"hours": {**CLOSED, "outside": NOTICE}}) as here:
        await here.start()
        given = await _ask(here, "what is the price of the coffee?", "hello, is anybody there please?")
        assert given == [NOTICE["en"]]
        assert here.model.asked == []
        await here.stop()
        here.config["conversation"] = {"hours": {**OPEN, "outside": NOTICE}}
        await here.start()
        *_, answer = await _ask(here, "and now?")
        assert answer == "Jawaban untuk: and now?"
        said = "\n\n".join(str(message["content"]) for message in here.model.asked[-1].messages)
        assert "hello, is anybody there please?\n\n" in said, "what was written meanwhile is known"


async def test_a_note_comes_once_per_absence_with_an_answer(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"hours": {**CLOSED, "outside": {"note": NOTICE}}}) as here:
        await here.start()
        given = await _ask(here, "harga kopi berapa?", "kalau teh berapa?")
        assert given == ["Jawaban untuk: harga kopi berapa?", NOTICE["id"], "Jawaban untuk: kalau teh berapa?"]


async def test_a_holiday_closes_a_day_that_is_open_otherwise(tmp_path: Path) -> None:
    today = datetime.now(ZoneInfo("Asia/Makassar")).date()
    holidays = {str(today + timedelta(days=days)): "closed" for days in (-1, 0, 1)}
    hours = {**OPEN, "exceptions": holidays, "outside": "Libur."}
    async with world(tmp_path, timezone="Asia/Makassar", conversation={"hours": hours}) as here:
        await here.start()
        assert await _ask(here, "harga kopi berapa?", "halo kak?") == ["Libur."]
