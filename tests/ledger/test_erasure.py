"""Erasing a contact: from every table, for good, and without answering an old webhook again."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select, text

import agent.ledger.tables  # noqa: F401 - adds its tables to the metadata
from actions.action import SendPayment
from agent.config.workflows import WebhookSettings
from agent.ledger import (
    audit,
    contacts,
    erasure,
    events,
    history,
    memory,
    outbound,
    payments,
    steps,
    turns,
    workflows,
)
from agent.ledger.confirmations import Confirmation
from agent.ledger.database import Database
from agent.ledger.followups import FollowUp
from agent.ledger.history import Line
from agent.ledger.inbound import accept
from agent.ledger.knowledge_tables import gap
from agent.ledger.media import Media
from agent.ledger.postgres import PostgresDatabase
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import InboundOutcome, metadata, payment, person_link, recipient
from agent.ledger.turns import Result
from knowledge.gaps import without_private
from messaging.types import (
    AssigneeChanged,
    ContactChanged,
    ContactKey,
    ConversationClosed,
    ConversationOpened,
    DeliveryReport,
    Event,
    File,
    MessageDeleted,
    PastMessage,
    Person,
    Reaction,
    Text,
)
from tests.ledger.messages import BUDI, NOW, RULES, contact, message, sent

SARI = ContactKey("aelyst", "8")
SECRET = "jalan Melati nomor 17"


def _everything(connection: Connection, key: ContactKey = BUDI, first: int = 1) -> None:
    """A row of this contact in every table, most of them with what nobody else would write."""
    accept(connection, message(first, f"saya di {SECRET}", key), NOW, RULES)
    claim = turns.claim(connection, key, "me", NOW, timedelta(seconds=30))
    assert isinstance(claim, turns.Claim)
    steps.record(
        connection, claim.turn, key="model/1", kind="model", name="m", input_hash="x", given={"messages": SECRET},
        output={"text": SECRET}, started_at=NOW, finished_at=NOW,
    )  # fmt: skip
    file = Media(f"file{first}.png", b"png", "image/png", None, NOW, NOW + timedelta(days=7))
    result = Result(
        InboundOutcome.ANSWERED,
        lines=[Line("contact", f"saya di {SECRET}", NOW, turn=claim.turn), Line("agent", SECRET, NOW)],
        contents=[Text(f"dikirim ke {SECRET}"), File("image", f"https://agent.example/media/{file.id}")],
        files=[file],
        followups=[FollowUp(f"f{first}", key, NOW, SECRET, None, {}, NOW)],
        confirmation=Confirmation("cancel", {"address": SECRET}, SECRET, claim.turn, NOW + timedelta(hours=1)),
    )
    turns.commit(connection, claim, "me", result, NOW)
    memory.learn(connection, key, {"address": SECRET}, claim.turn, NOW)
    history.append(connection, key, [Line("contact", f"baris {n}", NOW) for n in range(4)])
    assert memory.begin(connection, key, 4, NOW) is not None
    due = SendPayment("payload", 50_000, f"REF{first}", "Kopi Senja", None, None, "static")
    payments.open_payment(connection, key, f"pay{first}", due, NOW)
    place = {
        "broadcast": "promo",
        "address": f"id:{key.id}",
        "row": {"alamat": SECRET},
        "state": "waiting",
        "attempts": 0,
    }
    connection.execute(recipient.insert().values(**place))
    told = {"text": SECRET}
    event = events.Event(f"message.received/{key}/{first}", "message.received", key, told, told, NOW)
    events.insert(connection, event)
    webhook = WebhookSettings.model_validate({"url": "https://crm.example/hook"})
    events.tell(connection, event, webhook, NOW)
    workflows.begin(connection, "welcome", event=event.id, trigger=event.name, data=told, now=NOW, key=key)
    run = workflows.of_event(connection, "welcome", event.id)
    assert run is not None
    workflows.begin_step(connection, run, "note", NOW)
    done = audit.Entry(NOW, "Rina", "operator", "POST", "/conversations/{contact}/reply", 200, None, key)
    audit.record(connection, done)
    other = {"other_platform": "telegram", "other_contact": "99", "carried": [{"tags": []}] * 2}
    link = {"id": f"link{first}", "platform": key.platform, "contact": key.id, "by": "Rina", "at": NOW}
    connection.execute(person_link.insert().values(**link, **other))
    question = without_private(f"saya di {SECRET}")
    asked = {"question": question, "confidence": 0.1, "times": 1, "first_at": NOW, "last_at": NOW, "state": "open"}
    connection.execute(gap.insert().values(**asked))


def _rows(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def test_every_table_is_erased_made_nobodys_or_known_to_hold_nothing_of_anybody() -> None:
    known = {table.name for table in (*erasure.ERASED, *erasure.ANONYMISED)} | erasure.IMPERSONAL
    assert set(metadata.tables) == known
    for table in metadata.tables.values():
        assert not (table.name in erasure.IMPERSONAL and {"contact", "recipient"} & set(table.columns.keys()))


async def test_nothing_of_a_contact_stays_in_any_table(database: Database) -> None:
    before = await database.write(_rows)
    await database.write(_everything)
    filled = await database.read(_rows)
    assert all(filled[table.name] > before[table.name] for table in (*erasure.ERASED, *erasure.ANONYMISED))
    erased = await database.write(lambda connection: erasure.forget(connection, BUDI, NOW))
    assert erased.obstacle is None
    assert set(erased.rows) == {table.name for table in (*erasure.ERASED, *erasure.ANONYMISED)}
    after = await database.read(_rows)
    assert {name for name in after if after[name] != before[name]} == {"payment", "forgotten"}


async def test_payments_stay_for_the_books_without_whose_they_were(database: Database) -> None:
    def work(connection: Connection) -> None:
        _everything(connection)
        erasure.forget(connection, BUDI, NOW)
        row = connection.execute(select(payment)).one()
        assert (row.contact, row.amount, row.reference) == (erasure.FORGOTTEN_CONTACT, 50_000, "REF1")
        payments.mark_paid(connection, "pay1", "kasir", NOW)
        assert connection.execute(select(func.count()).select_from(metadata.tables["outbound"])).scalar() == 0

    await database.write(work)


async def test_nobody_else_is_forgotten(database: Database) -> None:
    def work(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
        _everything(connection, SARI, first=1)
        alone = _rows(connection)
        connection.execute(gap.delete())  # the question of both is the same
        _everything(connection, BUDI, first=2)
        erasure.forget(connection, BUDI, NOW)
        return alone, _rows(connection)

    alone, after = await database.write(work)
    after["payment"] -= 1
    changed = {name for name in alone if alone[name] != after[name]}
    assert changed == {"forgotten", "gap"}


async def test_a_webhook_of_before_is_known_and_not_answered_again(database: Database) -> None:
    def work(connection: Connection) -> None:
        accept(connection, sent(50, by_human=True), NOW, RULES)
        accept(connection, message(1), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW, timedelta(seconds=30))
        assert isinstance(claim, turns.Claim)
        turns.commit(connection, claim, "me", Result(InboundOutcome.HUMAN), NOW)
        assert erasure.forget(connection, BUDI, NOW).obstacle is None
        assert accept(connection, message(1), NOW, RULES).duplicate
        assert accept(connection, sent(50, by_human=True), NOW, RULES).duplicate
        assert contacts.load(connection, BUDI) is None
        assert not accept(connection, message(2), NOW, RULES).duplicate

    await database.write(work)


LATE: tuple[Event, ...] = (
    ContactChanged(contact(), "created"),
    ContactChanged(contact(email="b@x.id"), "updated"),
    ContactChanged(contact(), "tag", "vip", "add"),
    ContactChanged(contact(lifecycle="Lead"), "lifecycle"),
    AssigneeChanged(contact(assignee=Person("2", "Rina"))),
    AssigneeChanged(contact()),
    ConversationOpened(contact()),
    ConversationClosed(contact()),
    Reaction(contact(), "r1", NOW, "unknown", "👍"),
    PastMessage(contact(), "old1", NOW - timedelta(days=9), incoming=True, text=SECRET),
    DeliveryReport("unknown", "delivered", NOW, contact()),
    MessageDeleted(contact(), "unknown"),
)


@pytest.mark.parametrize("late", LATE, ids=lambda event: type(event).__name__)
async def test_what_a_platform_tells_late_brings_nothing_of_the_forgotten_back(database: Database, late: Event) -> None:
    await database.write(_everything)
    await database.write(lambda connection: erasure.forget(connection, BUDI, NOW))
    before = await database.read(_rows)
    await database.write(lambda connection: accept(connection, late, NOW, RULES))
    assert await database.read(_rows) == before


async def test_who_writes_again_after_being_forgotten_is_known_again(database: Database) -> None:
    await database.write(_everything)
    await database.write(lambda connection: erasure.forget(connection, BUDI, NOW))
    accepted = await database.write(lambda connection: accept(connection, message(77, "halo lagi"), NOW, RULES))
    assert not accepted.duplicate
    await database.write(
        lambda connection: accept(connection, ContactChanged(contact(), "tag", "vip", "add"), NOW, RULES)
    )
    state = await database.read(lambda connection: contacts.load(connection, BUDI))
    assert state is not None
    assert state.contact.tags == ("vip",)


@pytest.mark.parametrize("under_way", ["waiting", "running", "sending"])
async def test_what_is_under_way_is_finished_first(database: Database, under_way: str) -> None:
    def work(connection: Connection) -> None:
        accept(connection, message(1), NOW, RULES)
        if under_way != "waiting":
            claim = turns.claim(connection, BUDI, "me", NOW, timedelta(seconds=30))
            assert isinstance(claim, turns.Claim)
            if under_way == "sending":
                turns.commit(connection, claim, "me", Result(InboundOutcome.ANSWERED, contents=[Text("ya")]), NOW)
                outbound.mark_sending(connection, f"{claim.turn}/0", "me", NOW)
        before = _rows(connection)
        obstacle = erasure.forget(connection, BUDI, NOW).obstacle
        assert obstacle is not None
        assert _rows(connection) == before

    await database.write(work)


async def test_the_file_holds_no_trace_of_what_was_erased(sqlite: SqliteDatabase) -> None:
    await sqlite.write(_everything)
    assert SECRET.encode() in _bytes(sqlite)
    await sqlite.write(lambda connection: erasure.forget(connection, BUDI, NOW))
    assert await sqlite.drop_log()
    assert SECRET.encode() not in _bytes(sqlite)


def _bytes(database: SqliteDatabase) -> bytes:
    files = (database.path.with_name(database.path.name + ending) for ending in ("", "-wal"))
    return b"".join(file.read_bytes() for file in files if file.exists())


@pytest.mark.postgres
async def test_waiting_wake_ups_are_dropped(postgres: PostgresDatabase) -> None:
    def work(connection: Connection) -> list[str]:
        _everything(connection)
        for key in (BUDI, SARI):
            job = text("INSERT INTO procrastinate_jobs (task_name, queue_name, lock) VALUES ('t', 'contacts', :lock)")
            connection.execute(job, {"lock": str(key)})
        erasure.forget(connection, BUDI, NOW)
        return list(connection.execute(text("SELECT lock FROM procrastinate_jobs")).scalars())

    assert await postgres.write(work) == [str(SARI)]
