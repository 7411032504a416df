"""Two contacts that a human says are one person: what is carried, what is not, and what is taken back."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from agent.ledger import contacts, erasure, history, memory, persons, turns, workflows
from agent.ledger.database import Database
from agent.ledger.inbound import accept
from agent.ledger.tables import InboundOutcome, fact, message, person_link
from agent.ledger.turns import Claim, Result
from messaging.types import Contact, ContactKey, stand_in
from tests.ledger.messages import BUDI, NOW, RULES, contact
from tests.ledger.messages import message as wrote

TELE = ContactKey("telegram", "99")
CHAT = ContactKey("chat", "5")
LEASE = timedelta(seconds=30)


async def two(database: Database) -> None:
    """Budi on two platforms, of which each knows something."""

    def work(connection):  # type: ignore[no-untyped-def]
        contacts.remember(connection, contact(tags=("vip",)))
        contacts.remember(connection, Contact(TELE, first_name="Budi S", tags=("vip", "grosir")))
        history.append(connection, BUDI, [history.Line("contact", "alamat saya Jl. Braga 1", NOW)])
        history.append(
            connection,
            TELE,
            [history.Line("contact", "pesanan KS-10234 mana?", NOW), history.Line("agent", "Dikirim.", NOW)],
        )
        memory.learn(connection, BUDI, {"address": "Jl. Braga 1", "name": "Budi"}, "t1", NOW)
        memory.learn(connection, TELE, {"birthday": "12 Maret", "name": "Budi Santoso"}, "t2", NOW)

    await database.write(work)


async def facts(database: Database, key: ContactKey) -> dict[str, str]:
    return {each.key: each.value for each in await database.read(lambda c: memory.of_contact(c, key))}


async def test_tags_facts_and_messages_are_carried_both_ways_and_taken_back(database: Database) -> None:
    await two(database)
    link = await database.write(lambda c: persons.merge(c, BUDI, TELE, "Rina", NOW))
    assert link is not None
    assert link.differ == ["name"]
    assert await facts(database, BUDI) == {"address": "Jl. Braga 1", "birthday": "12 Maret", "name": "Budi"}
    assert await facts(database, TELE) == {"address": "Jl. Braga 1", "birthday": "12 Maret", "name": "Budi Santoso"}
    one, other = await database.read(lambda c: (contacts.known(c, BUDI), contacts.known(c, TELE)))
    assert (set(one.contact.tags), set(other.contact.tags)) == ({"vip", "grosir"},) * 2
    last = (await database.read(lambda c: history.recent(c, BUDI, 10)))[-1]
    assert "Customer: pesanan KS-10234 mana?\nAgent: Dikirim." in last.text
    assert (last.author, await database.read(lambda c: history.said(c, BUDI))) == ("human", ["alamat saya Jl. Braga 1"])
    assert await database.read(lambda c: persons.same_person(c, TELE)) == [BUDI]
    assert await database.write(lambda c: persons.merge(c, TELE, BUDI, "Rina", NOW)) is None

    assert len(await database.write(lambda c: persons.split(c, TELE, NOW))) == 1
    assert await facts(database, BUDI) == {"address": "Jl. Braga 1", "name": "Budi"}
    assert len(await database.read(lambda c: history.recent(c, BUDI, 10))) == 1
    one, other = await database.read(lambda c: (contacts.known(c, BUDI), contacts.known(c, TELE)))
    assert (set(one.contact.tags), set(other.contact.tags)) == ({"vip"}, {"vip", "grosir"})
    assert await database.read(lambda c: persons.same_person(c, BUDI)) == []


async def test_an_opt_out_holds_for_the_person_before_and_after(database: Database) -> None:
    await two(database)
    await database.write(lambda c: contacts.remember(c, Contact(CHAT)))
    await database.write(lambda c: contacts.set_columns(c, TELE, opted_out_at=NOW))
    await database.write(lambda c: persons.merge(c, BUDI, TELE, "Rina", NOW))
    state = await database.read(lambda c: contacts.known(c, BUDI))
    assert state.opted_out_at is not None
    await database.write(lambda c: persons.merge(c, CHAT, BUDI, "Rina", NOW))
    assert await database.read(lambda c: contacts.known(c, CHAT).opted_out_at) is not None  # by way of a third
    await database.write(lambda c: persons.split(c, BUDI, NOW))
    assert await database.read(lambda c: contacts.known(c, BUDI).opted_out_at) is not None


async def test_opting_out_on_one_platform_ends_what_is_planned_on_the_other(database: Database) -> None:
    await two(database)
    await database.write(lambda c: persons.merge(c, BUDI, TELE, "Rina", NOW))
    begun = {"event": "e", "trigger": "handover", "data": {}, "now": NOW, "key": TELE}
    await database.write(lambda c: workflows.begin(c, "w", **begun))  # type: ignore[arg-type]

    def stop(connection):  # type: ignore[no-untyped-def]
        accept(connection, wrote(1, "stop"), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW + LEASE, LEASE)
        assert isinstance(claim, Claim)
        result = Result(InboundOutcome.NOTICE, contact_columns={"opted_out_at": NOW})
        turns.commit(connection, claim, "me", result, NOW + LEASE)

    await database.write(stop)
    assert await database.read(lambda c: contacts.known(c, TELE).opted_out_at) is not None
    (run,) = await database.read(workflows.listed)
    assert (run.state, run.reason) == ("cancelled", "the contact opted out")


async def test_forgetting_one_takes_back_what_the_other_got_of_them(database: Database) -> None:
    await two(database)
    await database.write(lambda c: persons.merge(c, BUDI, TELE, "Rina", NOW))
    erased = await database.write(lambda c: erasure.forget(c, TELE, NOW))
    assert erased.obstacle is None
    assert await database.read(lambda c: c.execute(select(person_link)).all()) == []
    texts = await database.read(lambda c: c.execute(select(message.c.text)).scalars().all())
    assert not any("KS-10234" in text for text in texts)
    assert "12 Maret" not in await database.read(lambda c: c.execute(select(fact.c.value)).scalars().all())


async def test_a_link_follows_whoever_was_written_to_first_and_answers(database: Database) -> None:
    before = stand_in("aelyst", "6281234567802")

    def begin(connection):  # type: ignore[no-untyped-def]
        contacts.remember(connection, Contact(before, first_name="Budi", tags=("baru",)))
        contacts.remember(connection, Contact(TELE, first_name="Budi S", tags=("grosir",)))
        persons.merge(connection, TELE, before, "Rina", NOW)
        accept(connection, replace(wrote(1), contact=replace(contact(), stand_in=before)), NOW, RULES)

    await database.write(begin)
    assert await database.read(lambda c: persons.same_person(c, TELE)) == [BUDI]
    assert len(await database.write(lambda c: persons.split(c, BUDI, NOW))) == 1
    one, other = await database.read(lambda c: (contacts.known(c, BUDI), contacts.known(c, TELE)))
    assert (set(one.contact.tags), set(other.contact.tags)) == ({"baru"}, {"grosir"})
