"""Models are asked in their order until one gives an answer that counts; the customer sees no other."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agent.config.model import ModelSettings
from agent.models.ask import Answer, Models, NoAnswer
from agent.models.chat import open_models
from agent.models.values import TurnValues
from settings.clock import now
from tests.models.dialects.servers import Body, call, completion, serving
from tests.models.dialects.test_dialects import TOOLS

QUESTION: list[BaseMessage] = [SystemMessage("You are Melati."), HumanMessage("pesanan KS-1?")]
BUSY = (503, {"error": {"message": "busy"}})


def opened(**settings: Any) -> Models:
    read = ModelSettings.model_validate({"name": "m", "api_key": "k"} | settings)
    return Models(open_models(read, agent_name="Melati"), TOOLS, retries=read.retries, clock=now)


async def ask(models: Models, messages: list[BaseMessage] = QUESTION, seconds: float = 60, **more: Any) -> Answer:
    return await models.ask(messages, prefix="t/1", deadline=asyncio.get_running_loop().time() + seconds, **more)


class Script:
    """A server that gives its answers in order, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def __call__(self, body: Body) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "bad",
    [
        {"content": '{{"name": "get_order", "arguments": {{"order_id": "KS'},
        {"content": "<tool_call>get order please</tool_call>"},
        {"content": None},
        {"content": "<think>hm"},
        {"content": None, "tool_calls": [call() | {"function": {"name": "get_stock", "arguments": "{}"}}]},
        {"content": None, "tool_calls": [call() | {"function": {"name": "get_order", "arguments": '{"order_id": "K'}}]},
    ],
    ids=["half a call", "a call in prose", "nothing", "a thought", "an unknown tool", "half arguments"],
)
async def test_a_bad_answer_is_told_to_the_model_which_answers_again(bad: Body) -> None:
    async with serving(Script(completion(bad), completion({"content": "Sudah dikirim."}))) as (address, bodies):
        answer = await ask(opened(base_url=address))
    assert answer.message.text == "Sudah dikirim."
    assert bodies[1]["messages"][-1]["content"].startswith("<runtime>\nYour answer")
    assert (answer.tokens_in, answer.tokens_out) == (200, 20), "both answers are counted"


async def test_a_model_that_stays_bad_is_told_twice_and_then_the_next_is_asked() -> None:
    bad = completion({"content": '{"order_id": "KS-1"}'})
    async with (
        serving(Script(bad)) as (first, asked),
        serving(Script(completion({"content": "Sudah."}))) as (second, _),
    ):
        answer = await ask(opened(base_url=first, fallbacks=[{"name": "b", "base_url": second}]))
    assert (answer.message.text, answer.model, len(asked)) == ("Sudah.", "b", 3)


@pytest.mark.parametrize("finish", ["content_filter", "length"])
async def test_no_half_answer_is_ever_given(finish: str) -> None:
    async with serving(Script(completion({"content": "Pesanan Anda sedang"}, finish))) as (address, _):
        with pytest.raises(NoAnswer):
            await ask(opened(base_url=address))


async def test_nothing_left_to_say_after_a_call_is_an_answer_when_no_model_says_more() -> None:
    said = AIMessage("", tool_calls=[{"name": "get_order", "args": {}, "id": "abcdefghi"}])
    async with serving(Script(completion({"content": ""}))) as (address, _):
        answer = await ask(opened(base_url=address), [*QUESTION, said, ToolMessage("sent", tool_call_id="abcdefghi")])
        with pytest.raises(NoAnswer):
            await ask(opened(base_url=address))
    assert answer.message.text == ""


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_a_dead_server_is_asked_as_often_as_retries_says(retries: int) -> None:
    async with serving(Script((503, {"error": "x"}))) as (address, bodies):
        with pytest.raises(NoAnswer, match="answered 503"):
            await ask(opened(base_url=address, retries=retries))
    assert len(bodies) == 1 + retries


async def test_a_wait_that_the_server_asks_for_is_kept_to_only_within_the_time() -> None:
    async def slow_down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 X\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw(slow_down) as address:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            await ask(opened(base_url=address), seconds=5)
    assert time.monotonic() - began < 60


@asynccontextmanager
async def raw(serve: Any) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def test_a_body_that_drips_is_bounded_by_the_timeout_and_the_next_model_answers() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            writer.close()

    async with raw(drip) as dripping, serving(Script(completion({"content": "Sudah."}))) as (second, _):
        began = time.monotonic()
        answer = await ask(
            opened(base_url=dripping, timeout="1s", retries=0, fallbacks=[{"name": "b", "base_url": second}])
        )
    assert (answer.message.text, answer.model) == ("Sudah.", "b")
    assert time.monotonic() - began < 60


async def test_a_late_model_leaves_time_for_the_next() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with raw(silent) as late, serving(Script(completion({"content": "Sudah."}))) as (second, _):
        models = opened(base_url=late, timeout="1s", retries=5, fallbacks=[{"name": "b", "base_url": second}])
        answer = await ask(models, seconds=2.5)
    assert answer.model == "b"


def test_a_fallback_may_take_another_time_than_the_main_model() -> None:
    settings = ModelSettings.model_validate(
        {"name": "a", "api_key": "k", "timeout": "20s", "fallbacks": [{"name": "b", "timeout": "5s"}, {"name": "c"}]}
    )
    assert [chat.timeout for chat in open_models(settings, agent_name="Melati")] == [20, 5, 20]


async def test_tools_that_may_not_be_called_now_are_still_described() -> None:
    async with serving(
        Script(completion({"content": None, "tool_calls": [call()]}), completion({"content": "Itu saja."}))
    ) as (address, bodies):
        answer = await ask(opened(base_url=address), callable_tools=())
    assert (answer.message.text, len(bodies)) == ("Itu saja.", 2)
    assert (bodies[0]["tools"], bodies[0]["tool_choice"]) == (TOOLS, "none")


async def test_a_fallback_is_not_sent_another_models_own_fields() -> None:
    thinking = completion({"content": None, "reasoning_content": "…", "tool_calls": [call()]})
    async with (
        serving(Script(thinking, BUSY)) as (first, _),
        serving(Script(completion({"content": "Sudah."}))) as (second, asked),
    ):
        models = opened(base_url=first, retries=0, fallbacks=[{"name": "b", "base_url": second}])
        said = (await ask(models)).message
        await ask(models, [*QUESTION, said, ToolMessage("ok", tool_call_id=said.tool_calls[0]["id"])])
    assert "reasoning_content" not in str(asked[0]["messages"])


async def test_for_a_small_window_only_history_is_left_out() -> None:
    """Whatever the turn's own messages are, the question of the customer stays, also when a remark of ours comes after it."""
    overflow = (400, {"error": {"message": "This model's maximum context length is 600 tokens."}})
    history = [HumanMessage("kuno " * 900), AIMessage("lama " * 900)]
    messages = [QUESTION[0], *history, QUESTION[1], AIMessage("draf"), HumanMessage("[system] again")]
    async with serving(Script(overflow, completion({"content": "Sudah."}))) as (address, bodies):
        answer = await ask(opened(base_url=address), messages, history=len(history))
    assert answer.message.text == "Sudah."
    assert [each["content"] for each in bodies[1]["messages"]] == [
        "You are Melati.",
        "pesanan KS-1?",
        "draf",
        "[system] again",
    ]


PROVIDER = """
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

class ChatGroq(BaseChatModel):
    model: str
    api_key: str = ""
    temperature: float | None = None
    max_retries: int = 2
    timeout: float | None = None
    top_k: int = 0

    @property
    def _llm_type(self):
        return "groq"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, *args, **kwargs):
        if messages[-1].type == "tool":
            assert messages[-2].content[0]["type"] == "thinking", messages
            return ChatResult(generations=[ChatGeneration(message=AIMessage("Sudah dikirim."))])
        blocks = [{"type": "thinking", "thinking": str((self.api_key, self.max_retries, self.top_k)), "signature": "s"},
                  {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"order_id": "KS-1"}}]
        call = {"name": "get_order", "args": {"order_id": "KS-1"}, "id": "toolu_1"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(blocks, tool_calls=[call]))])
"""


async def test_a_provider_that_langchain_knows_goes_through_the_same_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "langchain_groq.py").write_text(PROVIDER)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        models = opened(provider="groq", options={"top_k": 3})
        said = (await ask(models)).message
        assert said.text == ""
        assert "('k', 0, 3)" in str(said.additional_kwargs)
        (called,) = said.tool_calls
        answer = await ask(models, [*QUESTION, said, ToolMessage("dikirim", tool_call_id=called["id"])])
    finally:
        sys.modules.pop("langchain_groq", None)
    assert (called["args"], answer.message.text) == ({"order_id": "KS-1"}, "Sudah dikirim.")


@pytest.mark.parametrize(
    ("provider", "package"),
    [("anthropic", "langchain-anthropic"), ("google_genai", "langchain-google-genai"), ("bedrock", "langchain-aws")],
)
def test_a_provider_whose_package_is_not_installed_is_named_with_it(provider: str, package: str) -> None:
    with pytest.raises(ValueError, match=f"pip install {package}"):
        opened(provider=provider)


def test_what_balas_sets_itself_is_no_option() -> None:
    with pytest.raises(ValueError, match="messages, stream is set by balas"):
        ModelSettings.model_validate({"options": {"stream": True, "messages": []}})


def values(language: str, said: str) -> TurnValues:
    return TurnValues(language=language, now=now(), said=said)


ENGLISH = "Sure, we are open every day from eight to nine."
INDONESIAN = "Kami buka setiap hari dari jam delapan sampai jam sembilan ya Kak."


@pytest.mark.parametrize(
    ("language", "said", "wrong", "right", "name"),
    [
        ("id", "jam buka?", ENGLISH, INDONESIAN, "Indonesian"),
        ("ms", "kedai buka pukul berapa?", ENGLISH, INDONESIAN, "Malay"),
        ("en", "when do you open?", INDONESIAN, ENGLISH, "English"),
    ],
)
async def test_an_answer_in_another_language_is_asked_for_again(
    language: str, said: str, wrong: str, right: str, name: str
) -> None:
    async with serving(Script(completion({"content": wrong}), completion({"content": right}))) as (address, bodies):
        answer = await ask(opened(base_url=address), values=values(language, said))
    assert (answer.message.text, len(bodies)) == (right, 2)
    assert name in bodies[1]["messages"][-1]["content"]


ABOUT_LANGUAGE = (
    "Maaf, saya tidak dapat memberikan jawaban dalam bahasa Inggris. Silakan ulangi dalam bahasa Indonesia."
)


@pytest.mark.parametrize(
    "then", [ENGLISH, None, '{"order_id": "KS-1"}', ABOUT_LANGUAGE], ids=["again", "nothing", "data", "about languages"]
)
async def test_a_model_that_knows_one_language_only_is_told_once_and_then_heard(then: str | None) -> None:
    async with serving(Script(completion({"content": ENGLISH}), completion({"content": then}))) as (address, bodies):
        answer = await ask(opened(base_url=address), values=values("id", "jam buka?"))
    assert answer.message.text == ENGLISH
    assert sum("Indonesian" in str(body["messages"][-1]["content"]) for body in bodies) == 1


@pytest.mark.parametrize(
    ("language", "said", "text"),
    [
        ("id", "tolong jawab pakai bahasa inggris ya", ENGLISH),
        ("en", "please answer in Indonesian", INDONESIAN),
        ("ms", "buka pukul berapa?", INDONESIAN),
        ("id", "ada apa saja?", "Kopi Susu Senja, Cold Brew, Dripper V60."),
        ("id", "status?", "Pesanan is on the way ya kak, please ditunggu."),
        ("id", "Mei Davis, zip 82859", "Thank you! How can I assist you today?"),
        ("id", "KS-10234", "Thank you! How can I assist you today?"),
        ("id", "hola", "¡Hola! ¿En qué puedo ayudarte hoy?"),
    ],
)
async def test_an_answer_that_may_be_in_the_customers_language_is_sent_at_once(
    language: str, said: str, text: str
) -> None:
    asked: list[BaseMessage] = [QUESTION[0], HumanMessage(f"<context>\nNow.\n</context>\n\n{said}")]
    async with serving(Script(completion({"content": text}))) as (address, bodies):
        answer = await ask(opened(base_url=address), asked, values=values(language, said))
    assert (answer.message.text, len(bodies)) == (text, 1)


async def test_a_number_in_an_indonesian_conversation_is_answered_in_indonesian() -> None:
    asked: list[BaseMessage] = [
        QUESTION[0],
        HumanMessage("pesanan saya sudah sampai mana ya?"),
        AIMessage("Nomornya?"),
        HumanMessage("<context>\nNow.\n</context>\n\nKS-10234"),
    ]
    async with serving(Script(completion({"content": ENGLISH}), completion({"content": INDONESIAN}))) as (address, _):
        answer = await ask(opened(base_url=address), asked, values=values("id", "KS-10234"))
    assert answer.message.text == INDONESIAN


async def test_a_model_that_says_the_same_bad_answer_again_gets_no_tools_the_last_time() -> None:
    script = Script(completion({"content": "<tools></tools>x</tools>"}))

    def answer(body: Body) -> Any:
        return script(body) if body.get("tools") else completion({"content": "Buka jam 9, Kak."})

    async with serving(answer) as (address, bodies):
        answered = await ask(opened(base_url=address, retries=0))
    assert answered.message.text == "Buka jam 9, Kak."
    assert [bool(body.get("tools")) for body in bodies] == [True, True, False]
