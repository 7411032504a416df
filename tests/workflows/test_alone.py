"""Runs about no contact: what they do, and what `check` says of steps that need one."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from actions.action import Context, Json, Outcome
from agent.config import examine_text
from agent.ledger import workflows
from agent.ledger.database import Database
from agent.workflows.hooks import accept, read_hook
from tests.workflows.stage import NOW, Stage, flow

HOUR = timedelta(hours=1)


class Restock:
    """An action of the business. `ends` is how a call ends; `None`: it never does."""

    name, builtin, description, confirm, reads = "restock", None, "Restock", None, False
    parameters: Mapping[str, Json] = {}
    per_turn, identity, examples, claims, hints = None, (), (), (), ()
    confirm_expires = timedelta(minutes=1)

    def __init__(self, *, effect: bool = True, idempotent: bool = False, ends: str | None = "done") -> None:
        self.effect, self.idempotent, self.ends = effect, idempotent, ends
        self.calls: list[tuple[dict[str, Any], Context]] = []

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        self.calls.append((dict(arguments), context))
        if self.ends is None:
            await asyncio.Event().wait()
        return Outcome(self.ends, "told", {"left": 3})  # type: ignore[arg-type]


NIGHTLY = flow(
    on={"schedule": "0 9 * * *"},
    do=[{"action": {"restock": {"at": "{event.time}", "who": "{contact.first_name|toko}"}}}, {"wait": "1h"}, {"post": {"url": "https://x.example.com"}}],
)  # fmt: skip


async def test_a_schedule_without_an_audience_acts_waits_and_tells(database: Database) -> None:
    action = Restock()
    told = flow(name="after", on={"action.done": "restock"}, do=[{"post": {"url": "https://y.example.com"}}])
    stage = Stage(database, [NIGHTLY, told], actions={"restock": action})
    await stage.works()
    await stage.later(25 * HOUR + timedelta(seconds=5))
    assert await stage.runs() == []  # it was missed by more than an hour
    await stage.later(23 * HOUR)
    await stage.works()
    (arguments, context), *more = action.calls
    assert (arguments["who"], more) == ("toko", [])
    assert {arguments["at"], "toko"} <= set(context.said)
    assert context.contact == {}
    await stage.later(2 * HOUR)
    assert sorted((name, state) for name, state, _ in await stage.runs()) == [("after", "done"), ("w", "done")]
    assert sorted(each.url for each in await stage.posted()) == ["https://x.example.com", "https://y.example.com"]
    assert len(action.calls) == 1


@pytest.mark.parametrize(("effect", "idempotent", "again"), [(True, False, 1), (True, True, 2), (False, False, 2)])
async def test_an_action_that_was_interrupted_is_called_again_only_where_that_is_harmless(
    database: Database, effect: bool, idempotent: bool, again: int
) -> None:
    action = Restock(effect=effect, idempotent=idempotent, ends=None)
    stage = Stage(database, [flow(on="broadcast.done", do=[{"action": "restock"}])], actions={"restock": action})
    await stage.happens("broadcast.done", "b1", key=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await stage.jobs.work()
    action.ends = "done"
    await stage.later(timedelta(minutes=5))  # the claim of the process that died
    assert len(action.calls) == again
    ((_, state, reason),) = await stage.runs()
    assert state == ("done" if again == 2 else "failed")
    assert reason is None or "may or may not have been done" in reason
    assert len({context.key for _, context in action.calls}) == 1


async def test_what_fails_can_be_retried_with_the_same_key(database: Database) -> None:
    action = Restock(ends="failed")
    stage = Stage(database, [flow(on="broadcast.done", do=[{"action": "restock"}])], actions={"restock": action})
    await stage.happens("broadcast.done", "b1", key=None)
    await stage.works()
    assert await stage.runs() == [("w", "failed", "restock: [failed] told")]
    action.ends = "done"
    (run,) = await database.read(workflows.listed)
    await database.write(lambda c: workflows.retry(c, run.id, stage.now))
    await stage.works()
    assert await stage.runs() == [("w", "done", None)]
    assert len({context.key for _, context in action.calls}) == 1


async def test_steps_that_need_a_contact_are_passed_over_with_the_reason(database: Database) -> None:
    hook = flow(
        on="webhook",
        token="secret-of-this-hook",
        do=[{"send": "halo"}, {"tag": "x"}, {"post": {"url": "https://x.example.com"}}],
    )
    stage = Stage(database, [hook])
    read = read_hook(hook, {}, b'{"id": 1, "number": "{contact.phone}"}')
    await database.write(lambda c: accept(c, hook, read, stage.now))
    await stage.works()
    assert await stage.steps() == [
        ("send", "skipped", "the event names no contact"),
        ("tag", "skipped", "the event names no contact"),
        ("post", "done", None),
    ]


async def test_what_a_condition_asks_of_a_contact_does_not_hold_for_none(database: Database) -> None:
    hook = flow(
        on="webhook",
        token="secret-of-this-hook",
        **{"if": {"tag": "vip"}},
        do=[{"post": {"url": "https://x.example.com"}}],
    )
    stage = Stage(database, [hook])
    await database.write(lambda c: accept(c, hook, read_hook(hook, {}, b'{"id": 1}'), stage.now))
    await stage.works()
    assert await stage.runs() == [("w", "skipped", "if: the event names no contact")]


async def test_once_a_day_holds_without_a_contact_too(database: Database) -> None:
    stage = Stage(database, [flow(on="broadcast.done", once="day", do=[{"post": {"url": "https://x.example.com"}}])])
    for number in range(2):
        await stage.happens("broadcast.done", f"b{number}", key=None)
        await stage.works()
    assert [state for _, state, _ in await stage.runs()] == ["done", "skipped"]


async def test_a_schedule_is_kept_when_the_clock_is_set_back_and_never_twice(database: Database) -> None:
    stage = Stage(database, [flow(on={"schedule": "30 9 * * *"}, do=[{"post": {"url": "https://x.example.com"}}])])
    await stage.works()
    await stage.later(timedelta(minutes=31))
    assert len(await stage.runs()) == 1
    stage.now = NOW  # an hour back: 9:30 comes again
    await stage.works()
    await stage.later(timedelta(minutes=31))
    assert len(await stage.runs()) == 1
    await stage.later(72 * HOUR)  # a clock that is days ahead
    stage.now -= 72 * HOUR
    await stage.works()
    await stage.later(24 * HOUR)
    assert len(await stage.runs()) == 2  # tomorrow's time was not lost


async def test_what_was_missed_by_less_than_an_hour_is_made_up_for_once(database: Database) -> None:
    stage = Stage(database, [flow(on={"schedule": "*/10 * * * *"}, do=[{"post": {"url": "https://x.example.com"}}])])
    await stage.works()
    await stage.later(timedelta(minutes=55))  # the agent was down
    assert len(await stage.runs()) == 1
    await stage.later(timedelta(minutes=10))
    assert len(await stage.runs()) == 2


BASE = """\
name: Melati
instructions: Jawab singkat.
voice: {model: none}
actions:
  - {builtin: tags, tags: [vip]}
workflows:
  - name: nightly
    on: {schedule: "0 9 * * *"}
"""


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("    do:\n      - wait: 1h\n      - send: halo\n", 11, "workflows[0].do[1].send: send needs a contact"),
        ("    do:\n      - {wait: 1h, until: replied}\n", 10, "until needs a contact"),
        ("    do:\n      - action: {tags: {add: [vip]}}\n", 10, "tags (built in) needs a contact"),
        ("    if: {tag: vip}\n    do: [{wait: 1h}]\n", 9, "tag needs a contact"),
        ("    for: {filter: {workflow: nothing}}\n    do: [{wait: 1h}]\n", 9, "there is no workflow 'nothing'"),
    ],
)
def test_check_names_the_line_of_what_needs_a_contact(text: str, line: int, words: str) -> None:
    (error,) = examine_text(BASE + text, environment={}).errors
    assert words in str(error)
    assert error.mark.line == line
