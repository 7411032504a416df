"""What the REPL shows: the reply as the customer reads it, and below it, dim, how it came about."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from rich import text as rich_text
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown

from agent.cli.session import Answer, Picture
from agent.ledger.steps import Step
from messaging.errors import Invalid, NotFound, PayloadError
from messaging.types import (
    Address,
    Channel,
    ChannelTemplate,
    Contact,
    ContactFilter,
    ContactKey,
    CustomPayload,
    Email,
    Event,
    FieldValue,
    File,
    Outbound,
    PlatformMessage,
    QuickReplies,
    Template,
    Text,
)

_LONGEST = 160
"""Characters of an argument or a result that fit beside it; `/trace` shows all."""

_SOURCE = re.compile(r'<passage n="\d+" source="([^"]*)"(?: title="([^"]*)")?')


def show(console: Console, answer: Answer) -> None:
    """The reply, its pictures, and the passages, actions, tokens and time behind it."""
    if answer.text:
        console.print(_bubble(answer.text))
    for picture in answer.pictures:
        _show_picture(console, picture)
    if not answer.messages:
        console.print(rich_text.Text(f"(no reply: {answer.reason or answer.state})", style="yellow"))
    for step in answer.steps:
        for line in lines_of(step):
            console.print(rich_text.Text(f"  {line}", style="dim"), soft_wrap=True)
    for note in answer.notes:
        console.print(rich_text.Text(f"  {note}", style="dim"), soft_wrap=True)
    tokens = f", {answer.tokens} tokens" if answer.tokens else ""
    console.print(rich_text.Text(f"  {answer.seconds:.2f} s{tokens}", style="dim"))


def trace(console: Console, answer: Answer) -> None:
    """Every step of the turn in full."""
    for step in answer.steps:
        console.rule(f"{step.n} {step.kind} {step.name} · {milliseconds(step)}", align="left", style="dim")
        console.print_json(data={"input": step.input, "output": step.output}, default=str, ensure_ascii=False)


def lines_of(step: Step) -> list[str]:
    """A step in a line or two."""
    match step.kind:
        case "retrieval":
            return _passages(step)
        case "action":
            return [_action(step)]
        case "model":
            return [f"model {step.name} · {step.tokens} tokens · {milliseconds(step)}"]
        case _:
            return [f"{step.kind} {step.name}: {_short(step.output)} · {milliseconds(step)}"]


def milliseconds(step: Step) -> str:
    if step.finished_at is None:
        return "unfinished"
    return f"{(step.finished_at - step.started_at).total_seconds() * 1000:.0f} ms"


def _bubble(text: str) -> RenderableType:
    """Markdown, in which a line break is one: that is how people write in a chat."""
    return Group(
        rich_text.Text(""), Markdown(re.sub(r"(?<!\n)\n(?!\n|[-*] |\d+\. )", "  \n", text)), rich_text.Text("")
    )


def _show_picture(console: Console, picture: Picture) -> None:
    if picture.qris is None:
        console.print(rich_text.Text(f"[{picture.kind}: {picture.url}]", style="cyan"))
        return
    from actions.qris.picture import terminal

    console.print(rich_text.Text.from_ansi(terminal(picture.qris)), soft_wrap=True)


def _passages(step: Step) -> list[str]:
    found = _SOURCE.findall(step.output.get("passages", "")) if isinstance(step.output, Mapping) else []
    if not found:
        return [f"passages: none · {milliseconds(step)}"]
    shown = [
        f"{source.rpartition('/')[2]} › {title.rpartition('&gt; ')[2]}" if title else source for source, title in found
    ]
    return [f"passages: {'; '.join(shown)} · {milliseconds(step)}"]


def _action(step: Step) -> str:
    given = step.input.get("arguments", {}) if isinstance(step.input, Mapping) else {}
    arguments = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    output = step.output if isinstance(step.output, Mapping) else {}
    result = f"{output.get('status', 'unfinished')}: {_short(output.get('content'))}"
    return f"action {step.name}({arguments}) → {result} · {milliseconds(step)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def as_line(answer: Answer) -> str:
    """A reply on one line: line breaks become spaces, a picture stands in brackets, silence is an empty line."""
    parts = [" ".join(answer.text.split())] if answer.text else []
    parts += [
        f"[{picture.kind}: {f'qris {picture.qris}' if picture.qris else picture.url}]" for picture in answer.pictures
    ]
    return " ".join(parts)


def as_json(said: str, answer: Answer) -> str:
    """A reply as one line of JSON, with everything behind it."""
    record = {
        "said": said,
        "text": answer.text,
        "attachments": [
            {"kind": picture.kind, "url": picture.url, "type": picture.type, "qris": picture.qris}
            for picture in answer.pictures
        ],
        "steps": [
            {
                "kind": step.kind,
                "name": step.name,
                "input": step.input,
                "output": step.output,
                "ms": None
                if step.finished_at is None
                else round((step.finished_at - step.started_at).total_seconds() * 1000, 1),
                "tokens": step.tokens,
            }
            for step in answer.steps
        ],
        "notes": list(answer.notes),
        "state": answer.state,
        "reason": answer.reason,
        "tokens": answer.tokens,
        "ms": round(answer.seconds * 1000, 1),
    }
    return json.dumps(record, ensure_ascii=False, default=str)


_PROFILE = frozenset({"first_name", "last_name", "phone", "email", "language", "country"})


class TerminalPlatform:
    """`messaging.platform.Platform`, as far as a terminal goes: what is sent is kept until it is shown.

    `sent` holds the messages for the customer and `notes` what only colleagues would see, both oldest first; `take` and
    `take_notes` empty them.
    """

    name = "terminal"
    settling = timedelta(0)

    def __init__(self) -> None:
        self._sent: list[tuple[ContactKey, Outbound]] = []
        self._notes: list[str] = []
        self._contacts: dict[ContactKey, Contact] = {}
        self._numbers = count(1)

    def greet(self, contact: Contact) -> None:
        """Make a customer known."""
        self._contacts[contact.key] = contact

    def take(self, contact: ContactKey) -> list[Outbound]:
        """What was sent to this customer since the last time."""
        taken = [message for key, message in self._sent if key == contact]
        self._sent = [(key, message) for key, message in self._sent if key != contact]
        return taken

    def take_notes(self) -> list[str]:
        """What happened for colleagues since the last time."""
        taken, self._notes = self._notes, []
        return taken

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Nothing arrives by webhook here."""

    def parse(self, body: bytes) -> list[Event]:
        raise PayloadError("the terminal has no webhooks")

    async def send(self, contact: ContactKey, message: Outbound, channel: str | None = None) -> str:
        self._sent.append((contact, message))
        return f"terminal-{next(self._numbers)}"

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        return []

    async def contact(self, contact: ContactKey) -> Contact:
        found = self._contacts.get(contact)
        if found is None:
            raise NotFound(f"{contact} is nobody at this terminal")
        return found

    async def find_contact(self, address: Address) -> Contact:
        for contact in self._contacts.values():
            if address.value in (contact.phone, contact.email):
                return contact
        raise NotFound(f"{address} is nobody at this terminal")

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        raise Invalid("nobody else comes to this terminal")

    def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        raise Invalid("this terminal has one customer and no list of contacts")

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        known = await self.contact(contact)
        profile: dict[str, Any] = {name: value for name, value in fields.items() if name in _PROFILE}
        custom = {name: value for name, value in fields.items() if name not in _PROFILE}
        self._contacts[contact] = replace(known, **profile, custom_fields={**known.custom_fields, **custom})
        self._notes.append(f"contact: {', '.join(f'{name} = {value}' for name, value in fields.items())}")

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return fields  # a terminal has no types of fields

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._notes.append(f"tags added: {', '.join(tags)}")

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._notes.append(f"tags removed: {', '.join(tags)}")

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        self._notes.append(f"lifecycle: {name or 'none'}")

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        self._notes.append(f"assigned to {assignee}" if assignee else "unassigned")

    async def open_conversation(self, contact: ContactKey) -> None:
        self._notes.append("conversation opened for colleagues")

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None:
        self._notes.append("conversation closed" + (f": {category}" if category else ""))

    async def comment(self, contact: ContactKey, text: str) -> None:
        self._notes.append(f"comment for colleagues: {text}")

    async def channels(self) -> Sequence[Channel]:
        return []

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        return []

    async def aclose(self) -> None:
        """Nothing is open."""


def as_text(message: Outbound) -> str:
    """A message in words; files by their kind, buttons in brackets."""
    match message:
        case Text(text) | Email(text):
            return text
        case File(kind, url):
            return f"[{kind}: {url}]"
        case QuickReplies(title, replies):
            return f"{title} " + " ".join(f"[{reply}]" for reply in replies)
        case Template(name, language):
            return f"[template: {name} ({language})]"
        case CustomPayload():
            return "[payload]"
