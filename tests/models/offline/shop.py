"""A small shop for the offline model's tests: its passages, its tools, and a way to ask."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig

from agent.models.offline.model import OfflineChatModel
from agent.models.values import Passage, TurnValues, configured, describe

HOURS = Passage(
    "docs/jam.md",
    "Jam dan lokasi > Jam buka",
    "Toko buka setiap hari:\n\n- Senin sampai Jumat: 08.00–17.30 WIB\n- Sabtu: 09.00–15.00 WIB\n\nMinggu tutup.",
)
ADDRESS = Passage("docs/jam.md", "Jam dan lokasi > Alamat", "Jalan Melati 4, Bandung, di seberang stasiun.")
WARRANTY = Passage(
    "docs/faq.md",
    "Tanya jawab",
    "Garansi mesin cuci 18 bulan sejak tanggal nota.",
    question="Berapa lama garansi mesin cuci?",
)
PARKING_EN = Passage(
    "docs/en.md", "Questions", "There are 12 spaces behind the shop, free for two hours.", question="Is there parking?"
)
LATTE = Passage("menu.csv", "menu", "nama: Caffe Latte\nukuran: 350 ml\nharga: Rp30.000", "2026-11-20", volatile=True)
TEA = Passage("menu.csv", "menu", "nama: Teh Sereh\nukuran: 300 ml\nharga: Rp16.000", "2026-11-20", volatile=True)
ALL = (HOURS, ADDRESS, WARRANTY, PARKING_EN, LATTE, TEA)

ORDER_ID = {"type": "string", "pattern": "^KS-[0-9]{5}$", "description": "nomor pesanan"}


def tool(
    name: str, description: str, properties: dict[str, Any], required: Sequence[str] = (), examples: Sequence[str] = ()
) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {
        "type": "function",
        "function": {"name": name, "description": describe(description, examples), "parameters": parameters},
    }


GET_ORDER = tool("get_order", "Status dan resi sebuah pesanan.", {"order_id": ORDER_ID}, ["order_id"])
CANCEL_ORDER = tool("cancel_order", "Membatalkan pesanan yang belum dikirim.", {"order_id": ORDER_ID}, ["order_id"])
PAY = tool(
    "send_qris",
    "Send the customer a QRIS payment code.",
    {"amount": {"type": "integer", "minimum": 1, "description": "whole rupiah"}},
    ["amount"],
    ["bayar 50rb", "mau bayar", "pay 50k"],
)
HAND_OVER = tool(
    "hand_over",
    "Hand the conversation to a human colleague.",
    {"reason": {"type": "string", "description": "why a human is needed"}},
    ["reason"],
)
TOOLS = (GET_ORDER, CANCEL_ORDER, PAY, HAND_OVER)


def turn(
    passages: Sequence[Passage] = ALL,
    language: str = "id",
    attachments: Sequence[str] = (),
    *,
    rejected: bool = False,
    cite: bool = False,
) -> RunnableConfig:
    """What the runtime tells the model beside the messages."""
    now = datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Asia/Jakarta"))
    return configured(TurnValues(language, now, tuple(passages), tuple(attachments), rejected, cite=cite))


def ask(
    text: str,
    *,
    passages: Sequence[Passage] = ALL,
    tools: Sequence[dict[str, Any]] = TOOLS,
    before: Sequence[BaseMessage] = (),
    after: Sequence[BaseMessage] = (),
    language: str = "id",
    attachments: Sequence[str] = (),
    rejected: bool = False,
    cite: bool = False,
) -> AIMessage:
    """What the model answers to `text`; `before` is the history, `after` what has happened in this turn."""
    model = OfflineChatModel(agent_name="Melati").bind_tools(tools)
    prompt = "\n\n".join(["You are Melati.", *(passage.text for passage in passages)])
    messages = [SystemMessage(prompt), *before, HumanMessage(text), *after]
    answer = asyncio.run(model.ainvoke(messages, turn(passages, language, attachments, rejected=rejected, cite=cite)))
    assert isinstance(answer, AIMessage)
    return answer


def called(answer: AIMessage) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in answer.tool_calls]


def exchange(*texts: str) -> list[BaseMessage]:
    """Messages of customer and agent in turn."""
    return [HumanMessage(text) if n % 2 == 0 else AIMessage(text) for n, text in enumerate(texts)]


def result(name: str, arguments: dict[str, Any], content: str) -> list[BaseMessage]:
    """A call that was made, and what came of it."""
    return [
        AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "call_1"}]),
        ToolMessage(content, tool_call_id="call_1", name=name),
    ]
