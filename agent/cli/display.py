"""What the REPL shows: the reply as the customer reads it, and below it, dim, how it came about."""

import json
import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from agent.cli.session import Answer, Picture
from agent.ledger.steps import Step

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
        console.print(Text(f"(no reply: {answer.reason or answer.state})", style="yellow"))
    for step in answer.steps:
        for line in lines_of(step):
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
    for note in answer.notes:
        console.print(Text(f"  {note}", style="dim"), soft_wrap=True)
    tokens = f", {answer.tokens} tokens" if answer.tokens else ""
    console.print(Text(f"  {answer.seconds:.2f} s{tokens}", style="dim"))


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
    return Group(Text(""), Markdown(re.sub(r"(?<!\n)\n(?!\n|[-*] |\d+\. )", "  \n", text)), Text(""))


def _show_picture(console: Console, picture: Picture) -> None:
    if picture.qris is None:
        console.print(Text(f"[{picture.kind}: {picture.url}]", style="cyan"))
        return
    from actions.qris.image import terminal

    console.print(Text.from_ansi(terminal(picture.qris)), soft_wrap=True)


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
