"""Runs step by step: once for each event, loops that end, waits that outlive a wrong clock."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.config.workflows import WebhookSettings
from agent.ledger import contacts, workflows
from agent.ledger.clock_repair import repair
from agent.ledger.database import Database
from agent.ledger.erasure import forget
from agent.ledger.inbound import accept
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import metadata, outbound, turn
from agent.workflows.hooks import accept as accept_hook
from agent.workflows.hooks import read_hook
from messaging.types import ContactChanged, ContactKey
from tests.ledger.messages import BUDI, RULES, contact
from tests.workflows.stage import Stage, flow

HOUR = timedelta(hours=1)
TRIGGERS: dict[str, Any] = {
    "message.received": {"text": "promo dong"},
    "conversation.opened": {"source": "contact"},
    "conversation.closed": {"summary": None},
    "contact.created": {},
    "contact.updated": {},
    "tag.added": {"tag": "vip"},
    "lifecycle.changed": {"lifecycle": "Customer"},
    "payment.paid": {"amount": 50000},
    "payment.expired": {"amount": 50000},
    "handover": {"reason": "asked"},
    "action.done": {"action": "get_order"},
}


@pytest.mark.parametrize("name", TRIGGERS)
async def test_an_event_that_comes_twice_runs_once(database: Database, name: str) -> None:
    value = {"tag.added": "vip", "lifecycle.changed": "Customer", "action.done": "get_order"}.get(name)
    stage = Stage(database, [flow(on={name: value} if value else name)])
    await stage.knows()
    assert await stage.happens(name, "e1", **TRIGGERS[name])
    assert not await stage.happens(name, "e1", **TRIGGERS[name])
    await stage.works()
    assert await stage.runs() == [("w", "done", None)]
    assert await stage.sent() == ["halo"]


async def test_a_webhook_that_comes_again_is_no_second_event_even_when_things_have_changed_between(
    database: Database,
) -> None:
    stage = Stage(database, [flow(on={"tag.added": "vip"})])
    await stage.knows()
    for webhook, action in (("w1", "add"), ("w2", "remove"), ("w1", "add"), ("w3", "add")):
        changed = ContactChanged(contact(), "tag", tag="vip", action=action)
        rules = replace(RULES, webhook=webhook)
        await database.write(lambda c, changed=changed, rules=rules: accept(c, changed, stage.now, rules))
    await stage.works()
    assert len(await stage.runs()) == 1  # w1 came twice, and w3 found the tag that it brought back


async def test_workflows_that_set_each_others_tags_end(database: Database) -> None:
    flows = [
        flow(name="a", on={"tag.added": "x"}, do=[{"tag": {"add": ["y"], "remove": ["x"]}}]),
        flow(name="b", on={"tag.added": "y"}, do=[{"tag": {"add": ["x"], "remove": ["y"]}}]),
    ]
    stage = Stage(database, flows)
    await stage.knows()
    await stage.happens("tag.added", "e1", tag="x")
    await stage.works()
    states = [(state, reason) for _, state, reason in await stage.runs()]
    assert states.count(("done", None)) == 3
    assert states.count(("skipped", "a loop: workflows led to each other 3 deep")) == len(states) - 3 == 1


async def test_a_loop_by_way_of_the_platform_ends_and_says_so(database: Database) -> None:
    """The platform tells of what the workflow did as of anybody's doing: no depth is known."""
    stage = Stage(database, [flow(on="contact.updated", do=[{"note": "x"}])])
    await stage.knows()
    for number in range(40):
        await stage.happens("contact.updated", f"e{number}")
        await stage.later(timedelta(seconds=30))
    states = [state for _, state, _ in await stage.runs()]
    assert (states.count("done"), states.count("skipped")) == (30, 10)
    assert "30 times" in str((await stage.runs())[-1][2])
    await stage.later(2 * HOUR)
    await stage.happens("contact.updated", "e99")
    await stage.works()
    assert (await stage.runs())[-1] == ("w", "done", None)


async def test_a_run_that_ends_with_a_reply_is_done_and_told(database: Database) -> None:
    told = WebhookSettings.model_validate({"url": "https://crm.example.com/x", "events": ["workflow.done"]})
    waiting = flow(on="handover", do=[{"wait": "1h", "until": "replied"}, {"send": "masih ada?"}])
    stage = Stage(database, [waiting], told=[told])
    await stage.knows()
    await stage.happens("handover", "e1")
    await stage.works()
    await stage.writes(1)
    await stage.later(2 * HOUR)
    assert await stage.runs() == [("w", "done", "the customer replied")]
    assert [each.name for each in await stage.posted()] == ["workflow.done"]
    assert await stage.sent() == []


@pytest.mark.parametrize("steps", [[{"wait": "1h"}], [{"wait": "1h", "until": "replied"}]])
async def test_opting_out_ends_a_run_in_a_wait_of_either_kind(database: Database, steps: list[Any]) -> None:
    stage = Stage(database, [flow(on="handover", do=[*steps, {"send": "promo"}])])
    await stage.knows()
    await stage.happens("handover", "e1")
    await stage.works()
    await database.write(lambda c: contacts.set_columns(c, BUDI, opted_out_at=stage.now))
    await database.write(lambda c: workflows.cancel_all(c, BUDI, "the contact opted out", stage.now))
    await stage.later(2 * HOUR)
    assert await stage.runs() == [("w", "cancelled", "the contact opted out")]
    assert await stage.sent() == []


async def test_who_opted_out_is_sent_nothing_by_a_run_that_begins_later(database: Database) -> None:
    stage = Stage(database, [flow(on="handover", do=[{"send": "promo"}, {"agent": "promo"}])])
    await stage.knows()
    await database.write(lambda c: contacts.set_columns(c, BUDI, opted_out_at=stage.now))
    await stage.happens("handover", "e1")
    await stage.works()
    assert [step[1:] for step in await stage.steps()] == [("skipped", "the contact opted out")] * 2


async def test_hundreds_of_waits_all_go_on(database: Database) -> None:
    stage = Stage(database, [flow(on="payment.paid", do=[{"wait": "1h"}, {"tag": "x"}])])
    await stage.knows()
    for number in range(250):
        await stage.happens("payment.paid", f"e{number}")
    await stage.works()
    assert [state for _, state, _ in await stage.runs()] == ["running"] * 250
    await stage.later(2 * HOUR)
    assert [state for _, state, _ in await stage.runs()] == ["done"] * 250


async def test_what_an_event_does_not_say_leaves_its_place_empty(database: Database) -> None:
    steps = [
        {"send": "Pesanan {event.order.number|itu} {event.nothing}, {event.items.7.name|barang} dikirim."},
        {"post": {"url": "https://x.example.com/{event.a/b}?q={event.order.id}", "json": {"n": "{event.order}", "x": "{event.no}"}}},
        {"send": "{event.nothing}"},
    ]  # fmt: skip
    stage = Stage(database, [flow(on="handover", do=steps)])
    await stage.knows()
    await stage.happens("handover", "e1", order={"id": "a b&c={contact.phone}"})
    await stage.works()
    assert await stage.sent() == ["Pesanan itu, barang dikirim."]
    (post,) = await stage.posted()
    assert post.url == "https://x.example.com/?q=a%20b%26c%3D%7Bcontact.phone%7D"
    assert post.body == '{"n":{"id":"a b&c={contact.phone}"},"x":""}'
    assert (await stage.steps())[-1][1] == "skipped"


async def test_a_clock_that_was_ahead_makes_no_wait_longer(database: Database) -> None:
    stage = Stage(database, [flow(on="handover", do=[{"wait": "2h"}, {"send": "halo"}])])
    await stage.knows()
    stage.now += 24 * HOUR
    await stage.happens("handover", "e1")
    await stage.works()
    stage.now -= 24 * HOUR
    for _ in range(2):  # every process repairs
        await database.write(lambda c: repair(c, stage.now, lease=HOUR, tolerance=timedelta(seconds=1)))
    assert await stage.next_at() == [stage.now + 2 * HOUR]
    await stage.later(HOUR)
    assert await stage.sent() == []
    await stage.later(HOUR)
    assert await stage.sent() == ["halo"]


async def test_runs_deliveries_and_claims_from_the_future_are_brought_back(database: Database) -> None:
    alone = flow(name="alone", on="broadcast.done", do=[{"wait": "1h"}, {"post": {"url": "https://x.example.com"}}])
    stage = Stage(database, [flow(on="handover"), alone])
    await stage.knows()
    stage.now += 24 * HOUR
    await stage.happens("broadcast.done", "b1", key=None)
    await stage.jobs.work()
    stage.now += 2 * HOUR
    await stage.jobs.work()
    await stage.happens("handover", "e1")
    await stage.happens("broadcast.done", "b2", key=None)
    await database.write(lambda c: workflows.claim_unbound(c, stage.now))
    stage.now -= 26 * HOUR
    await database.write(lambda c: repair(c, stage.now, lease=HOUR, tolerance=timedelta(seconds=1)))
    (delivery,) = await stage.posted()
    assert delivery.next_attempt_at == stage.now
    await stage.works()
    assert await stage.sent() == ["halo"]
    await stage.later(timedelta(minutes=2))
    await stage.later(2 * HOUR)
    assert [state for _, state, _ in await stage.runs()] == ["done"] * 3


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-48, 48), st.booleans()), min_size=1, max_size=6), st.integers(0, 10**9))
@example([(-24, True), (0, True)], 1)
@example([(24, True), (-24, True)], 2)
async def test_however_the_clock_jumps_each_step_is_taken_once(
    sqlite: SqliteDatabase, jumps: list[tuple[int, bool]], number: int
) -> None:
    stage = Stage(sqlite, [flow(on="handover", do=[{"note": "satu"}, {"wait": "2h"}, {"note": "dua"}])])
    key = ContactKey("aelyst", f"jump-{number}-{len(jumps)}-{hash(tuple(jumps))}")
    await stage.knows(key)
    await stage.happens("handover", f"e-{key}", key=key)
    for hours, works in jumps:
        stage.now += hours * HOUR
        if hours < 0:
            await sqlite.write(lambda c: repair(c, stage.now, lease=HOUR, tolerance=timedelta(seconds=1)))
        if works:
            await stage.works(key)
    await stage.works(key)
    await stage.later(2 * HOUR + timedelta(seconds=1), key)
    (run,) = [run for run in await sqlite.read(lambda c: workflows.listed(c, limit=1000)) if run.contact == key]
    assert run.state == "done"
    steps = await sqlite.read(lambda c: workflows.steps(c, run.id))
    assert [(step.n, step.outcome) for step in steps] == [(0, "done"), (1, "done"), (2, "done")]


async def test_what_a_workflow_gives_an_action_counts_as_said_whatever_it_is_made_of(database: Database) -> None:
    """No model wrote it: the event said it, or the owner did in agent.yaml."""
    given = {"subject": "Retur", "amount": "{event.total}", "lines": [{"sku": "{event.items.0.sku}", "count": 2}]}
    stage = Stage(database, [flow(on="payment.paid", do=[{"action": {"refund": given}}])])
    await stage.knows()
    await stage.happens("payment.paid", "e1", total=50000, items=[{"sku": 7}], paid=True)
    await stage.works()
    (task,) = await database.read(lambda c: c.execute(select(turn.c.task)).scalars().all())
    assert task["arguments"] == {"subject": "Retur", "amount": 50000, "lines": [{"sku": 7, "count": 2}]}
    assert set(task["said"]) == {"50000", "7", "Retur", "2"}


async def test_a_template_goes_out_where_the_window_is_closed_and_the_text_where_it_is_open(database: Database) -> None:
    template = {"name": "dikirim", "parameters": ["{event.number|itu}", "{contact.first_name}"]}
    stage = Stage(
        database, [flow(on="payment.paid", do=[{"send": {"text": "Pesanan {event.number}.", "template": template}}])]
    )
    await stage.knows()
    await stage.happens("payment.paid", "e1", number="KS-1")
    await stage.later(timedelta(minutes=1))
    await stage.happens("payment.paid", "e2")
    await stage.later(25 * HOUR)
    payloads = await database.read(
        lambda c: c.execute(select(outbound.c.payload).order_by(outbound.c.n)).scalars().all()
    )
    assert [payload["type"] for payload in payloads][:1] == ["Text"]
    await stage.happens("payment.paid", "e3", number="KS-3")
    await stage.works()
    payloads = await database.read(
        lambda c: c.execute(select(outbound.c.payload).order_by(outbound.c.n)).scalars().all()
    )
    assert "KS-3" in str(payloads[-1])
    assert (payloads[-1]["type"], payloads[-1]["name"]) == ("Template", "dikirim")


async def test_a_template_without_a_value_of_the_event_is_passed_over_and_says_which(database: Database) -> None:
    send = {"send": {"template": {"name": "dikirim", "parameters": ["{contact.first_name}", "{event.number}"]}}}
    stage = Stage(database, [flow(on="payment.paid", do=[send])])
    await stage.knows()
    await stage.happens("payment.paid", "e1")
    await stage.works()
    assert await stage.steps() == [("send", "skipped", "nothing is known for placeholder 2 of the template dikirim")]


async def test_what_a_hook_said_of_somebody_new_is_forgotten_with_them(database: Database) -> None:
    hook = flow(on="webhook", token="secret-of-this-hook", do=[{"wait": "1h"}])
    stage = Stage(database, [hook])
    read = read_hook(hook, {"x-event-id": "e"}, b'{"phone": "+6281234567802", "secret": "alamat rumah"}')
    begun = await database.write(lambda c: accept_hook(c, hook, read, stage.now))
    await stage.knows()  # the platform has found them
    (run,) = await database.read(workflows.listed)
    await database.write(lambda c: workflows.bind(c, run, BUDI, stage.now))
    assert begun.new
    erased = await database.write(lambda c: forget(c, BUDI, stage.now))
    assert erased.rows["event"] == erased.rows["workflow_run"] == 1
    left = await database.read(lambda c: [str(c.execute(select(table)).all()) for table in metadata.sorted_tables])
    assert "alamat rumah" not in "".join(left)


async def test_a_message_made_for_the_pattern_of_a_trigger_begins_the_others_only(database: Database) -> None:
    costly = flow(name="costly", on={"message.received": {"matches": "(a|aa)+$"}})
    stage = Stage(database, [costly, flow(name="plain", on={"message.received": {"matches": "^AA"}})])
    await stage.knows()
    await stage.writes(1, "a" * 80 + "!")
    await stage.works()
    assert await stage.runs() == [("plain", "done", None)]
    await stage.writes(2, "ya, aa")
    await stage.works()
    assert await stage.runs() == [("plain", "done", None), ("costly", "done", None)]
