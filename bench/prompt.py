"""What a conversation of twelve turns costs in prompt tokens, and how much of each prompt repeats the one before it.

Servers cache identical prefixes (OpenAI from 1,024 tokens, vLLM, llama.cpp, Anthropic), so what repeats is cheap. The agent runs
as `balas chat` does; the model and the shop are a stub that plays `bench/conversation.json`.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.models.tokens import counter
from agent.web.listening import listening

RECORDED = Path(__file__).with_name("conversation.json")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the model: its turn, from 1, and what it was sent, piece by piece in the order in which a server reads it."""

    turn: int
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """Tokens of every turn, and which share of a prompt repeats the previous one: within a turn, and from turn to turn."""

    tokens: tuple[int, ...]
    within: float
    between: float


def shares(asked: list[Asked]) -> Shares:
    """Compare each prompt with the one before it.

    Args:
        asked: in order.
    """
    count = counter("gpt-5-mini")
    tokens: dict[int, int] = {}
    same: dict[bool, int] = {True: 0, False: 0}
    whole: dict[bool, int] = {True: 0, False: 0}
    for before, call in zip([None, *asked], asked, strict=False):
        size = sum(map(count, call.pieces))
        tokens[call.turn] = tokens.get(call.turn, 0) + size
        if before is None:
            continue
        repeated = _common(before.pieces, call.pieces)
        broken = len(repeated)
        rest = _common("".join(before.pieces[broken : broken + 1]), "".join(call.pieces[broken : broken + 1]))
        within = before.turn == call.turn
        same[within] += sum(map(count, repeated)) + count("".join(rest))
        whole[within] += size
    return Shares(tuple(tokens.values()), same[True] / whole[True], same[False] / whole[False])


def _common(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The beginning that both have."""
    return [mine for mine, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))]


async def record() -> list[Asked]:
    """Play the recorded conversation through a real agent, and keep what the model was asked."""
    recorded = json.loads(RECORDED.read_text())
    turns, asked, state = recorded["turns"], list[Asked](), {"turn": 0, "call": 0}

    async def complete(request: Request) -> Response:
        body = await request.json()
        if body["messages"][-1]["role"] == "user":
            state["turn"], state["call"] = state["turn"] + 1, 0
        turn = turns[state["turn"] - 1]
        pieces = [json.dumps(body.get("tools", []), ensure_ascii=False)]
        pieces += [json.dumps(message, ensure_ascii=False) for message in body["messages"]]
        asked.append(Asked(state["turn"], tuple(pieces)))
        message: dict[str, Any] = {"role": "assistant", "content": turn["reply"]}
        if state["call"] < len(turn["calls"]):
            name, arguments = turn["calls"][state["call"]]
            function = {"name": name, "arguments": json.dumps(arguments)}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": function}],
            }
        state["call"] += 1
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        return JSONResponse({"id": "x", "object": "chat.completion", "model": "s", "choices": [choice], "usage": usage})

    async def thing(request: Request) -> Response:
        return JSONResponse(recorded["things"][request.path_params["kind"]] | {"id": request.path_params["id"]})

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/{kind}/{id}", thing, methods=["GET", "POST"]),
        ]
    )
    async with listening(app, "127.0.0.1", 0) as address:
        with tempfile.TemporaryDirectory(prefix="balas-bench-") as folder:
            await asyncio.to_thread(_write, Path(folder), address, recorded)
            said = "".join(f"{turn['says']}\n" for turn in turns)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agent", "--log-level", "error", "chat", "-c", f"{folder}/agent.yaml",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            await process.communicate(said.encode())
    return asked


def _write(folder: Path, address: str, recorded: dict[str, Any]) -> None:
    (folder / "documents").mkdir()
    (folder / "documents" / "faq.md").write_text(recorded["documents"])
    actions = [
        {
            "name": name,
            "description": description,
            "parameters": {"id": {"type": "string", "description": "Its number", "from": "model"}},
            "request": {"method": "GET", "url": f"{address}/{kind}/{{id}}"},
        }
        for name, kind, description in recorded["actions"]
    ]
    config = {
        "name": "Melati",
        "instructions": recorded["instructions"],
        "model": {"name": "stub", "base_url": f"{address}/v1", "fallbacks": []},
        "messaging": {"token": "x", "base_url": address, "webhook_secret": "none"},
        "knowledge": {"sources": ["documents/*.md"], "embeddings": "none"},
        "actions": actions,
        "network": {"allow_private": ["127.0.0.1"]},
        "voice": {"model": "none"},
    }
    (folder / "agent.yaml").write_text(json.dumps(config, ensure_ascii=False, indent=1))


def main() -> None:
    found = shares(asyncio.run(record()))
    print(f"tokens a turn: {', '.join(map(str, found.tokens))}")
    print(
        f"of a prompt repeats the one before: within a turn {found.within:.1%}, from turn to turn {found.between:.1%}"
    )


if __name__ == "__main__":
    main()
