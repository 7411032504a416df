import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from agent.ledger import broadcasts, contacts, erasure, history, outbound, reports
from agent.ledger.broadcasts import CLAIM, Addressed, Broadcast, Recipient
from agent.ledger.database import Database
from messaging.types import Channel, Contact, ContactKey, Text

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)
PROMO = Broadcast("promo", {"text": "Halo"}, Channel("1", "whatsapp_cloud"), (), {"invalid": 2}, NOW, NOW)
THREE = [Addressed(f"phone:+628123456780{n}", n + 2, {"kode": str(n)}) for n in range(3)]


def key(n: int) -> ContactKey:
    return ContactKey("aelyst", str(n))


async def recorded(database: Database, audience: list[Addressed] | None = None) -> int:
    return await database.write(lambda connection: broadcasts.record(connection, PROMO, audience or THREE))


async def take(database: Database, count: int, now: datetime = NOW) -> list[Recipient]:
    def work(connection: Connection) -> list[Recipient]:
        found = broadcasts.due(connection, now)
        return broadcasts.take(connection, found[0], count, now, now) if found else []

    return await database.write(work)


async def queue(database: Database, recipient: Recipient, contact: ContactKey) -> bool:
    def work(connection: Connection) -> bool:
        contacts.remember(connection, Contact(contact))
        return broadcasts.queue(
            connection, recipient, contact, Text("Halo"), said="Halo", now=NOW, send_at=NOW, channel="1"
        )

    return await database.write(work)


async def counts(database: Database) -> dict[str, Any]:
    return dict(await database.read(lambda connection: reports.counts(connection, "promo")))


async def test_recording_again_adds_the_new_ones_only(database: Database) -> None:
    assert await recorded(database) == 3
    assert await recorded(database, [*THREE, Addressed("id:9"), Addressed("id:9")]) == 1
    found = await take(database, 10)
    assert [(each.address, each.line, dict(each.row)) for each in found][:1] == [
        ("phone:+6281234567800", 2, {"kode": "0"})
    ]
    assert [each.address for each in found] == [*(each.address for each in THREE), "id:9"]


async def test_recording_twice_at_the_same_moment_records_once(database: Database) -> None:
    assert sorted(await asyncio.gather(*(recorded(database) for _ in range(4)))) == [0, 0, 0, 3]


async def test_of_two_feeders_that_saw_the_same_only_one_takes(database: Database) -> None:
    await recorded(database)
    later = NOW + timedelta(seconds=1)

    def both(connection: Connection) -> tuple[int, int]:
        (seen,) = broadcasts.due(connection, NOW)
        first = broadcasts.take(connection, seen, 2, later, NOW)
        return len(first), len(broadcasts.take(connection, seen, 2, later, NOW))

    assert await database.write(both) == (2, 0)
    assert await database.read(lambda connection: broadcasts.due(connection, NOW)) == []


async def test_a_taken_recipient_is_free_again_when_its_taker_dies(database: Database) -> None:
    await recorded(database)
    assert len(await take(database, 2)) == 2
    assert [each.line for each in await take(database, 3)] == [4]
    assert await database.read(lambda connection: broadcasts.on_the_way(connection, NOW)) == 3
    assert len(await take(database, 3, NOW + CLAIM)) == 3
    await database.write(broadcasts.release)
    assert len(await take(database, 3, NOW + CLAIM)) == 3


async def test_a_contact_with_two_addresses_gets_it_once(database: Database) -> None:
    await recorded(database)
    first, second, third = await take(database, 3)
    assert await queue(database, first, key(1))
    assert not await queue(database, second, key(1))
    assert not await queue(database, first, key(1)), "taken twice"
    assert await queue(database, third, key(3))
    assert await counts(database) == {"waiting": 0, "sending": 2, "sent": 0, "skipped": 1, "failed": 0}
    (reason,) = await database.read(lambda connection: reports.reasons(connection, "promo"))
    assert (reason.state, reason.reason, reason.count) == ("skipped", "the same contact as line 2", 1)


async def test_the_report_follows_the_outbox_and_what_was_sent_joins_the_history(database: Database) -> None:
    await recorded(database)
    first, second, third = await take(database, 3)
    await queue(database, first, key(1))
    await queue(database, second, key(2))
    await database.write(lambda connection: broadcasts.end(connection, third, "failed", "404"))

    def deliver(connection: Connection) -> None:
        broadcasts.sent(connection, "broadcast/promo/aelyst:1/0", key(1), "m1", NOW)
        outbound.mark(connection, "broadcast/promo/aelyst:1/0", "sent", now=NOW, message_id="m1")
        outbound.mark(connection, "broadcast/promo/aelyst:2/0", "skipped", now=NOW, reason="the contact opted out")

    await database.write(deliver)
    assert await counts(database) == {"waiting": 0, "sending": 0, "sent": 1, "skipped": 1, "failed": 1}
    outcomes = await database.read(lambda connection: reports.outcomes(connection, "promo"))
    assert [(each.line, each.contact, each.state, each.reason, each.message) for each in outcomes] == [
        (2, "1", "sent", None, "m1"),
        (3, "2", "skipped", "the contact opted out", None),
        (4, None, "failed", "404", None),
    ]
    (line,) = await database.read(lambda connection: history.recent(connection, key(1), 10))
    assert (line.author, line.text) == ("agent", "Halo")


async def test_what_was_sent_joins_the_history_once_when_it_is_written_again(database: Database) -> None:
    """As it is when the answer of the database was lost. Not every platform gives its messages a number to know them by."""
    await recorded(database)
    (first,) = await take(database, 1)
    await queue(database, first, key(1))

    def deliver(connection: Connection) -> None:
        broadcasts.sent(connection, "broadcast/promo/aelyst:1/0", key(1), None, NOW)
        outbound.mark(connection, "broadcast/promo/aelyst:1/0", "sent", now=NOW)

    for _ in range(2):
        await database.write(deliver)
    assert len(await database.read(lambda connection: history.recent(connection, key(1), 10))) == 1


async def test_a_pause_takes_back_what_has_not_gone_out(database: Database) -> None:
    await recorded(database)
    first, second, third = await take(database, 3)
    await queue(database, first, key(1))
    await queue(database, second, key(2))
    await database.write(lambda connection: outbound.mark_sending(connection, "broadcast/promo/aelyst:1/0", "w1", NOW))
    assert await database.write(lambda connection: broadcasts.pause(connection, "promo"))
    assert not await database.write(lambda connection: broadcasts.pause(connection, "promo"))
    assert await counts(database) == {"waiting": 2, "sending": 1, "sent": 0, "skipped": 0, "failed": 0}
    assert not await database.write(
        lambda connection: outbound.mark_sending(connection, "broadcast/promo/aelyst:2/0", "w1", NOW)
    ), "a worker that saw it before the pause must not send it"
    assert not await queue(database, third, key(3)), "what was being prepared waits"
    assert await take(database, 3) == []
    assert await database.write(lambda connection: broadcasts.resume(connection, "promo", NOW))
    assert [each.line for each in await take(database, 3)] == [3, 4]


async def test_a_cancelled_broadcast_skips_the_rest_and_stays_ended(database: Database) -> None:
    await recorded(database)
    (first,) = await take(database, 1)
    await queue(database, first, key(1))
    assert await database.write(lambda connection: broadcasts.cancel(connection, "promo", NOW))
    assert await counts(database) == {"waiting": 0, "sending": 0, "sent": 0, "skipped": 3, "failed": 0}
    assert not await database.write(lambda connection: broadcasts.resume(connection, "promo", NOW))
    assert not await database.write(lambda connection: broadcasts.cancel(connection, "promo", NOW))
    assert await take(database, 3) == []


async def test_who_is_forgotten_is_forgotten_under_every_address_they_were_given(database: Database) -> None:
    await recorded(database, [*THREE, Addressed("email:sari@example.com", 9, {"nama": "Sari"})])
    *_, by_email = await take(database, 4)
    await queue(database, by_email, key(1))  # the platform knows this address; the ledger only what webhooks told
    await database.write(lambda connection: erasure.forget(connection, key(1), NOW))
    left = await database.read(lambda connection: broadcasts.addresses(connection, "promo"))
    assert left == {each.address for each in THREE}


async def test_it_is_done_when_nobody_waits(database: Database) -> None:
    await recorded(database)
    for recipient in await take(database, 3):
        await database.write(lambda connection, one=recipient: broadcasts.end(connection, one, "skipped", "x"))  # type: ignore[misc]
    assert await take(database, 3) == []
    done = await database.read(lambda connection: broadcasts.load(connection, "promo"))
    assert done is not None
    assert (done.state, done.finished_at, done.left_out) == ("done", NOW, {"invalid": 2})
    assert [each.name for each in await database.read(broadcasts.newest)] == ["promo"]


async def test_a_recipient_that_was_put_off_comes_back_in_time(database: Database) -> None:
    await recorded(database, THREE[:1])
    (first,) = await take(database, 1)
    until = NOW + timedelta(seconds=7)
    await database.write(lambda connection: broadcasts.put_off(connection, first, until, "429"))
    assert await take(database, 1, until - timedelta(seconds=1)) == []
    (again,) = await take(database, 1, until)
    assert again.attempts == 1
