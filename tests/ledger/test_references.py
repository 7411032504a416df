"""What refers to an earlier message: quotes, reactions, edits, deletions."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from agent.ledger import contacts, history, inbound, outbound, steps, turns
from agent.ledger.database import Database
from agent.ledger.inbound import Accepted
from agent.ledger.tables import InboundOutcome, turn
from agent.ledger.turns import Claim, Result
from messaging.types import Attachment, Event, MessageDeleted, MessageEdited, Quote, Reaction, Text
from tests.ledger.messages import BUDI, NOW, RULES, contact, message


async def _accept(database: Database, event: Event) -> Accepted:
    return await database.write(lambda connection: inbound.accept(connection, event, NOW, RULES))


async def _claim(database: Database) -> Claim:
    found = await database.write(lambda connection: turns.claim(connection, BUDI, "me", NOW, timedelta(minutes=1)))
    assert isinstance(found, Claim)
    return found


async def _history(database: Database) -> list[history.Line]:
    return await database.read(lambda connection: history.recent(connection, BUDI, 20))


async def _answered(database: Database, *contents: str) -> None:
    claim = await _claim(database)
    lines = [
        history.Line("contact", each.text or "", NOW, turn=claim.turn, message_id=each.message_id)
        for each in claim.messages
    ]
    result = Result(
        InboundOutcome.ANSWERED, lines=lines, contents=[Text(each) for each in contents], said=list(contents)
    )
    await database.write(lambda connection: turns.commit(connection, claim, "me", result, NOW))


async def test_a_quote_by_id_is_read_from_what_the_customer_or_the_agent_said(database: Database) -> None:
    await _accept(database, message(1, "pesanan KS-10234"))
    await _answered(database, "Panas atau\ndingin?")
    (delivery,) = await database.read(lambda c: outbound.of_turn(c, _turn(c)))
    await database.write(lambda c: outbound.mark(c, delivery.id, "sent", now=NOW, message_id="w1"))
    for number, quoted in ((2, "w1"), (3, "m1"), (4, "unknown")):
        await _accept(database, replace(message(number, "yang ini"), quote=Quote(quoted)))
    claim = await _claim(database)
    assert [each.quote.text for each in claim.messages if each.quote] == [
        "Panas atau dingin?",
        "pesanan KS-10234",
        None,
    ]


def _turn(connection: Connection) -> str:
    return connection.execute(select(turn.c.id)).scalar_one()


async def test_a_reaction_joins_the_history_once_is_not_answered_and_says_nothing(database: Database) -> None:
    await _accept(database, message(1, "pesanan KS-10234"))
    reaction = Reaction(contact(), "r1", NOW, "m1", "👍")
    await _answered(database, "Baik.")
    for _ in range(2):
        assert (await _accept(database, reaction)).wake_at is None
    await _accept(database, Reaction(contact(), "r2", NOW, "m1", None))
    *_, line = await _history(database)
    assert (line.text, line.own_words) == ('[reaction: 👍 to "pesanan KS-10234"]', "")
    assert "KS-10234" not in "".join((await database.read(lambda c: history.said(c, BUDI)))[1:])
    assert await database.read(lambda c: inbound.waiting(c, BUDI)) == []


async def test_an_edit_before_the_answer_changes_the_message_and_a_later_one_is_a_new_message(
    database: Database,
) -> None:
    await _accept(database, message(1, "dua kopi"))
    assert (await _accept(database, MessageEdited(contact(), "m1", NOW, "dua kopi"))).duplicate
    await _accept(database, MessageEdited(contact(), "m1", NOW, "tiga kopi"))
    assert [each.text for each in await database.read(lambda c: inbound.waiting(c, BUDI))] == ["tiga kopi"]
    await _answered(database, "Baik.")
    for _ in range(2):
        await _accept(database, MessageEdited(contact(), "m1", NOW, "empat kopi"))
    (again,) = (await _claim(database)).messages
    assert (again.text, again.quote) == ("empat kopi", Quote("m1", "tiga kopi", corrected=True))


PHOTO = Attachment("image", "https://files.example/1.png")
ORIGINAL = replace(message(1, "dua kopi"), attachments=(PHOTO,))
FIRST, SECOND = (MessageEdited(contact(), "m1", NOW, text) for text in ("tiga kopi", "empat kopi"))


@pytest.mark.parametrize("events", [(FIRST, ORIGINAL), (FIRST, ORIGINAL, FIRST, ORIGINAL), (ORIGINAL, FIRST)])
async def test_an_edit_that_overtakes_its_original_is_one_message_with_it(
    database: Database, events: tuple[Event, ...]
) -> None:
    for event in events:
        await _accept(database, event)
    (only,) = (await _claim(database)).messages
    assert (only.message_id, only.text, only.attachments, only.quote) == ("m1", "tiga kopi", (PHOTO,), None)


async def test_an_original_that_comes_after_its_edit_was_answered_is_no_second_message(database: Database) -> None:
    await _accept(database, FIRST)
    await _answered(database, "Baik, tiga.")
    assert (await _accept(database, ORIGINAL)).duplicate
    assert await database.read(lambda c: inbound.waiting(c, BUDI)) == []
    await _accept(database, SECOND)
    (again,) = (await _claim(database)).messages
    assert (again.text, again.quote) == ("empat kopi", Quote("m1", "tiga kopi", corrected=True))


@pytest.mark.parametrize(
    "events", [(MessageDeleted(contact(), "m1"), ORIGINAL), (ORIGINAL, MessageDeleted(contact(), "m1"))]
)
async def test_what_was_taken_back_is_not_answered_in_whichever_order_it_comes(
    database: Database, events: tuple[Event, ...]
) -> None:
    for event in (*events, *events):
        await _accept(database, event)
    assert await database.read(lambda c: inbound.waiting(c, BUDI)) == []
    assert "kopi" not in "".join(await database.read(lambda c: history.said(c, BUDI)))


async def test_of_a_message_that_is_corrected_again_and_back_only_the_newest_words_are_said(database: Database) -> None:
    await _accept(database, message(1, "dua kopi"))
    await _answered(database, "Baik.")
    for minute, text in enumerate(("tiga kopi", "dua kopi", "tiga kopi", "lima kopi"), 1):
        edit = MessageEdited(contact(), "m1", NOW + timedelta(minutes=minute), text)
        await _accept(database, edit)
        assert (await _accept(database, edit)).duplicate
        await _answered(database, "Baik.")
        assert [each for each in await database.read(lambda c: history.said(c, BUDI)) if each] == [text]


async def test_a_correction_that_no_turn_has_taken_is_corrected_in_its_place(database: Database) -> None:
    await _accept(database, message(1, "dua kopi"))
    await _answered(database, "Baik.")
    for text in ("tiga kopi", "empat kopi"):
        await _accept(database, MessageEdited(contact(), "m1", NOW, text))
    assert [each.text for each in await database.read(lambda c: inbound.waiting(c, BUDI))] == ["empat kopi"]


async def test_a_deleted_message_takes_its_corrections_with_it(database: Database) -> None:
    await _accept(database, message(1, "nomor saya 0812"))
    await _answered(database, "Baik.")
    await _accept(database, MessageEdited(contact(), "m1", NOW, "nomor saya 0813"))
    await _answered(database, "Baik.")
    await _accept(database, MessageEdited(contact(), "m1", NOW + timedelta(minutes=1), "nomor saya 0814"))
    await _accept(database, MessageDeleted(contact(), "m1"))
    assert await database.read(lambda c: inbound.waiting(c, BUDI)) == []
    assert not any(await database.read(lambda c: history.said(c, BUDI)))
    assert "081" not in "".join(line.text for line in await _history(database) if line.author == "contact")


async def test_a_deleted_message_is_neither_answered_nor_kept(database: Database) -> None:
    await _accept(database, message(1, "nomor saya 0812"))
    await _accept(database, MessageDeleted(contact(), "m1"))
    assert await database.read(lambda c: inbound.waiting(c, BUDI)) == []
    assert [(line.text, line.own_words) for line in await _history(database)] == [("[deleted message]", "")]
    await _accept(database, message(2, "kartu saya 4111"))
    await _answered(database, "Baik.")
    await _accept(database, MessageDeleted(contact(), "m2"))
    assert "4111" not in "".join(await database.read(lambda c: history.said(c, BUDI)))


@pytest.mark.parametrize("done", [False, True])
async def test_what_is_taken_back_while_a_turn_answers_it_does_not_come_back(database: Database, done: bool) -> None:
    await _accept(database, message(1, "nomor saya 0812"))
    claim = await _claim(database)
    await _accept(database, MessageDeleted(contact(), "m1"))
    await _accept(database, message(2, "halo"))
    if done:
        step = {"key": "effect/1/1", "kind": "action", "name": "cancel", "input_hash": "", "given": {}, "output": None}
        await database.write(lambda c: steps.record(c, claim.turn, **step, started_at=NOW, finished_at=None))
    line = history.Line("contact", "nomor saya 0812", NOW, turn=claim.turn, message_id="m1")
    result = Result(
        InboundOutcome.ANSWERED, lines=[line], contents=[Text("Baik.")], said=["Baik."], restart_allowed=not done
    )
    ended = await database.write(lambda connection: turns.commit(connection, claim, "me", result, NOW))
    await database.write(lambda connection: history.rewrite(connection, BUDI, line))
    assert "0812" not in "".join(each.text + each.own_words for each in await _history(database))
    assert ended == ("done" if done else "abandoned")
    if not done:
        assert [each.text for each in (await _claim(database)).messages] == ["halo"]


@pytest.mark.parametrize(
    "event", [MessageDeleted(contact(), "m9"), MessageEdited(contact(), "m9", NOW - timedelta(days=60), "x")]
)
async def test_what_refers_to_nothing_that_is_known_changes_nothing(database: Database, event: Event) -> None:
    await _accept(database, event)
    assert await _history(database) == []
    assert await database.read(lambda c: contacts.load(c, BUDI)) is None or not await database.read(
        lambda c: inbound.waiting(c, BUDI)
    )
