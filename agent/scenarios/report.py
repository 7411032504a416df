"""Results for people and for machines: the terminal, JUnit, JSON, a page of HTML, annotations of GitHub."""

import html
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.ledger.steps import Step
from agent.scenarios.happened import Happened
from agent.scenarios.play import Failed, Played
from agent.scenarios.run import Result, Results
from settings.text import brief, clean

_LONGEST = 200
"""Characters of a step's result that fit on its line."""


def line_of(result: Result) -> str:
    """One line for a scenario that has ended: `✓ tests/order.yaml  Order status  0.1 s`."""
    mark = "✓" if result.passed else "✗"
    rate = f"  {round(result.pass_rate * len(result.runs))} of {len(result.runs)} runs" if len(result.runs) > 1 else ""
    cost = f"  ${result.cost:.4f}" if result.cost else ""
    return clean(f"{mark} {result.path}  {result.name}{rate}  {result.seconds:.2f} s{cost}")


def failure(result: Result) -> str:
    """Why a scenario failed, as people read it: the conversation, each expectation with what came instead, and the steps."""
    if result.errors:
        return "\n".join(map(str, result.errors))
    played = result.shown
    if played is None:
        return ""
    lines = [f"── {result.path}: {result.name}"]
    for number, happened in enumerate(played.happened):
        failed = [each for each in played.failed if each.place[:2] == ("turns", number)]
        lines.append(f"  👤 {happened.said}")
        lines += [f"  🤖 {each}".replace("\n", "\n     ") for each in _replies(happened)]
        for each in failed:
            lines += [f"     ✗ {_where(result, each)}", *_both(each)]
        if failed:
            lines += [f"       {line}" for line in steps_of(happened)]
    for each in played.failed:
        if not each.place or each.place[0] != "turns":
            lines += [f"  ✗ {_where(result, each)}", *_both(each)]
    lines += [f"  ⚖ {verdict.rubric}: {verdict.reason}" for verdict in played.verdicts]
    if played.error:
        lines.append(f"  ✗ {result.path}: {played.error}")
    return clean("\n".join(lines))


def _where(result: Result, failed: Failed) -> str:
    turn = (
        f"turn {failed.place[1] + 1}, " if failed.place[:1] == ("turns",) and isinstance(failed.place[1], int) else ""
    )
    return f"{result.path}:{failed.line}: {turn}{failed.difference.key}"


def _both(failed: Failed) -> list[str]:
    return [f"       expected  {failed.difference.expected}", f"       found     {failed.difference.found}"]


def _replies(happened: Happened) -> Iterator[str]:
    if not happened.messages and happened.turns:
        yield f"(no reply: {happened.turns[-1].reason or happened.turns[-1].state})"
    for message in happened.messages:
        if message.qris is not None:
            yield "[payment code]"
        elif message.text:
            yield message.text
        else:
            yield f"[{message.kind}]"


def steps_of(happened: Happened) -> list[str]:
    """The steps of a turn, a line each: passages, calls of actions with their results, calls of models."""
    ends = [f"the turn failed: {turn.reason}" for turn in happened.turns if turn.state == "failed"]
    return [*map(_step, happened.steps), *ends]


def _step(step: Step) -> str:
    output = step.output if isinstance(step.output, Mapping) else {}
    given = step.input if isinstance(step.input, Mapping) else {}
    match step.kind:
        case "retrieval":
            hits = [f"{hit['source']} {hit['score']}" for hit in output.get("hits", ())]
            return f"passages: {', '.join(hits) or 'none'}"
        case "action":
            arguments = ", ".join(f"{name}={value!r}" for name, value in given.get("arguments", {}).items())
            return f"action {step.name}({arguments}) → {output.get('status', 'unfinished')}: {brief(output.get('content'), _LONGEST)}"
        case "model":
            data = output.get("data", {})
            calls = ", ".join(call["name"] for call in data.get("tool_calls", ()))
            return f"model {step.name}, {step.tokens} tokens: {f'calls {calls}' if calls else brief(data.get('content'), _LONGEST)}"
        case _:
            return f"{step.kind} {step.name}: {brief(step.output, _LONGEST)}"


def summary(results: Results) -> str:
    """The last line: how many passed, how long it took, what it cost."""
    passed = sum(result.passed for result in results.results)
    cost = sum(result.cost for result in results.results)
    return f"{passed} of {len(results.results)} scenarios as expected, {results.seconds:.1f} s" + (
        f", ${cost:.4f}" if cost else ""
    )


def as_json(results: Results) -> dict[str, Any]:
    """Everything, as JSON."""
    return {
        "passed": results.passed,
        "scenarios": [_scenario(result) for result in results.results],
        "notes": list(results.notes),
    }


def _scenario(result: Result) -> dict[str, Any]:
    return {
        "file": str(result.path),
        "name": result.name,
        "passed": result.passed,
        "pass_rate": result.pass_rate,
        "seconds": round(result.seconds, 3),
        "tokens": result.tokens,
        "cost": result.cost,
        "errors": [
            {"line": error.mark.line, "column": error.mark.column, "message": error.message} for error in result.errors
        ],
        "notes": list(result.notes),
        "runs": [_played(run) for run in result.runs],
    }


def _played(played: Played) -> dict[str, Any]:
    return {
        "passed": played.passed,
        "error": played.error,
        "turns": [
            {
                "said": happened.said,
                "at": happened.began.isoformat() if happened.began else None,
                "replies": [{"text": each.text, "kind": each.kind, "qris": each.qris} for each in happened.messages],
                "calls": [
                    {"name": call.name, "arguments": dict(call.arguments), "status": call.status}
                    for call in happened.calls
                ],
                "passages": list(happened.passages),
                "handover": happened.handover,
                "steps": steps_of(happened),
                "seconds": happened.seconds,
            }
            for happened in played.happened
        ],
        "failed": [
            {
                "turn": failed.place[1] + 1
                if failed.place[:1] == ("turns",) and isinstance(failed.place[1], int)
                else None,
                "line": failed.line,
                "expectation": failed.difference.key,
                "expected": failed.difference.expected,
                "found": failed.difference.found,
            }
            for failed in played.failed
        ],
        "verdicts": [asdict(verdict) for verdict in played.verdicts],
    }


def junit(results: Results) -> str:
    """The results as JUnit's XML, which every CI reads: a test case for each file."""
    failures = sum(not result.passed and not result.errors for result in results.results)
    errors = sum(bool(result.errors) for result in results.results)
    suite = ET.Element(
        "testsuite",
        name="balas test",
        tests=str(len(results.results)),
        failures=str(failures),
        errors=str(errors),
        skipped="0",
        time=f"{sum(result.seconds for result in results.results):.3f}",
        timestamp=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    for result in results.results:
        case = ET.SubElement(
            suite,
            "testcase",
            name=_xml(result.name),
            classname=_xml(str(result.path.with_suffix("")).replace("/", ".").lstrip(".")),
            file=str(result.path),
            time=f"{result.seconds:.3f}",
        )
        if not result.passed:
            kind = "error" if result.errors else "failure"
            ET.SubElement(case, kind, message=_xml(first_reason(result)), type=kind).text = _xml(failure(result))
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(whole, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Text that may stand in XML 1.0: without control characters, which not even an escape may name."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n\r" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"
    )


def first_reason(result: Result) -> str:
    """The first thing that is not as expected, on one line."""
    return _reasons(result)[0]


def _reasons(result: Result) -> list[str]:
    """What is not as expected, a line each; at least one."""
    if result.errors:
        return [str(error) for error in result.errors]
    played = result.shown
    if played is not None and played.failed:
        return [
            " ".join(f"{_where(result, each)}: {str(each.difference).partition(': ')[2]}".split())
            for each in played.failed
        ]
    return [(played.error if played is not None else None) or "it did not run"]


def annotations(results: Results) -> Iterator[str]:
    """Lines that GitHub shows beside the changed files: `::error file=…,line=…::…`."""
    for result in results.results:
        for error in result.errors:
            yield _annotation(error.file, f"{error.mark.line},col={error.mark.column}", result.name, error.message)
        played = result.shown
        if played is None or result.passed:
            continue
        for failed in played.failed:
            yield _annotation(str(result.path), f"{failed.line}", result.name, str(failed.difference))
        if played.error is not None:
            yield _annotation(str(result.path), "1", result.name, played.error)


def _annotation(file: str, line: str, title: str, message: str) -> str:
    return f"::error file={_property(file)},line={line},title={_property(title)}::{_message(message)}"


def _message(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}details{border:1px solid #8884;border-radius:.5rem;margin:.5rem 0;padding:.5rem 1rem}summary{cursor:pointer}
.ok>summary::before{content:"✓ ";color:#15803d}.bad>summary::before{content:"✗ ";color:#b91c1c}
.said{margin:.6rem 0 .2rem;text-align:right}.said span,.got span{display:inline-block;padding:.35rem .7rem;border-radius:.8rem;
white-space:pre-wrap;text-align:left;max-width:80%}.said span{background:#2563eb22}.got span{background:#8882}
.wrong{border-left:3px solid #b91c1c;padding-left:.7rem;margin:.4rem 0;white-space:pre-wrap}pre{white-space:pre-wrap;font-size:.85em}
small{opacity:.7}
"""


def page(results: Sequence[tuple[str, Results]]) -> str:
    """The results as one page that needs nothing else, each conversation with what was not as expected.

    Args:
        results: of each configuration, with its name.
    """
    parts = []
    for name, each in results:
        parts.append(f"<h1>{html.escape(name)}: {html.escape(summary(each))}</h1>")
        parts += [f"<p><small>{html.escape(note)}</small></p>" for note in each.notes]
        parts += [_card(result) for result in each.results]
    return clean(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>balas test</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _card(result: Result) -> str:
    kind, opened = ("ok", "") if result.passed else ("bad", " open")
    body = [f"<pre>{html.escape(str(error))}</pre>" for error in result.errors]
    for number, played in enumerate(result.runs, 1):
        if len(result.runs) > 1:
            body.append(f"<h3>Run {number}: {'as expected' if played.passed else 'not as expected'}</h3>")
        body.append(_conversation(result, played))
    head = f"{html.escape(result.name)} <small>{html.escape(str(result.path))} · {result.seconds:.2f} s · {result.tokens} tokens</small>"
    return f'<details class="{kind}"{opened}><summary>{head}</summary>{"".join(body)}</details>'


def _conversation(result: Result, played: Played) -> str:
    parts = []
    for number, happened in enumerate(played.happened):
        parts.append(f'<div class="said"><span>{html.escape(happened.said)}</span></div>')
        parts += [f'<div class="got"><span>{html.escape(reply)}</span></div>' for reply in _replies(happened)]
        parts += [_wrong(result, failed) for failed in played.failed if failed.place[:2] == ("turns", number)]
        if happened.steps:
            steps = html.escape("\n".join(steps_of(happened)))
            parts.append(f"<details><summary>steps</summary><pre>{steps}</pre></details>")
    parts += [_wrong(result, failed) for failed in played.failed if failed.place[:1] != ("turns",)]
    parts += [f"<p>⚖ {html.escape(verdict.rubric)}: {html.escape(verdict.reason)}</p>" for verdict in played.verdicts]
    parts += [f'<div class="wrong">{html.escape(played.error)}</div>'] if played.error else []
    return "".join(parts)


def _wrong(result: Result, failed: Failed) -> str:
    text = "\n".join([_where(result, failed), *(line.strip() for line in _both(failed))])
    return f'<div class="wrong">{html.escape(text)}</div>'


def side_by_side(first: tuple[str, Results], second: tuple[str, Results]) -> str:
    """Two configurations against each other: for each scenario both outcomes, tokens and costs, why the second fails, and replies."""
    (left, one), (right, other) = first, second
    width = max(len(result.name) for result in one.results)
    lines = [f"{'':<{width}}  {left:<28}  {right}"]
    for mine, theirs in zip(one.results, other.results, strict=True):
        lines.append(f"{mine.name:<{width}}  {_outcome(mine):<28}  {_outcome(theirs)}")
        if not theirs.passed:  # why the first one fails stands above
            lines += [f"{'':<{width}}  ✗ {brief(reason, _LONGEST)}" for reason in _reasons(theirs)]
        for here, there in zip(_texts(mine), _texts(theirs), strict=False):
            if here != there:
                lines += [f"{'':<{width}}  − {brief(here, _LONGEST)}", f"{'':<{width}}  + {brief(there, _LONGEST)}"]
    lines += ["", f"{left}: {summary(one)}", f"{right}: {summary(other)}"]
    return clean("\n".join(lines))


def _outcome(result: Result) -> str:
    rate = f" {result.pass_rate:.0%}" if len(result.runs) > 1 else ""
    cost = f" ${result.cost:.4f}" if result.cost else ""
    return f"{'✓' if result.passed else '✗'}{rate} {result.tokens} tokens{cost} {result.seconds:.2f} s"


def _texts(result: Result) -> list[str]:
    played = result.shown
    return [happened.text for happened in played.happened] if played is not None else []


def write(path: Path, text: str) -> None:
    """Write a report; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
