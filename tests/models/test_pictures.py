"""Pictures go to models that see; one that does not is told that there is a picture, and is asked once only."""

from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.config.model import ModelSettings
from agent.models import pictures
from agent.models.chat import open_models
from agent.models.tokens import PICTURES
from tests.models.dialects.servers import Answer, Body, completion, refused, serving
from tests.models.test_ask import ask, opened

JPEG = b"\xff\xd8\xff\xe0 a picture"
PROMPT: list[BaseMessage] = [
    SystemMessage("You are Melati."),
    HumanMessage("ini rusak\n[image]", additional_kwargs={PICTURES: ["a.jpg", "gone.jpg"]}),
]
SHOWN = {"a.jpg": JPEG}


async def test_a_model_that_sees_gets_the_picture_beside_the_words() -> None:
    async with serving(lambda body: completion({"content": "Gelasnya pecah."})) as (address, bodies):
        await ask(opened(base_url=address), PROMPT, pictures=SHOWN)
    text, picture = bodies[0]["messages"][-1]["content"]
    assert text["text"].startswith("ini rusak\n[image]\n\n<runtime>")
    assert "picture of a payment is no payment" in text["text"]
    assert picture == {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4CBhIHBpY3R1cmU="}}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid content type. image_url is only supported by certain models."),
        (422, "Failed to deserialize the JSON body: messages[1]: unknown variant `image_url`, expected `text`"),
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (404, "No endpoints found that support image input"),
        (400, "At most 0 image(s) may be provided in one request."),
        (400, "messages[1].content must be a string"),
        (400, "llama-3.1 is not a multimodal model"),
        (400, "This model does not support images."),
    ],
    ids=["OpenAI", "DeepSeek", "llama.cpp", "OpenRouter", "vLLM", "Groq", "vLLM text", "Ollama"],
)
async def test_a_server_that_refuses_pictures_gets_words_and_refuses_once(status: int, message: str) -> None:
    def server(body: Body) -> Answer:
        if any(
            isinstance(each["content"], list) and pictures.has_pictures(each["content"]) for each in body["messages"]
        ):
            return refused(message, status=status)
        return completion({"content": "Maaf, gambarnya belum bisa saya lihat."})

    async with serving(server) as (address, bodies):
        models = opened(base_url=address)
        for _ in range(2):
            assert (await ask(models, PROMPT, pictures=SHOWN)).message.text.startswith("Maaf")
    assert len(bodies) == 3
    assert pictures.UNSEEN in [block["text"] for block in bodies[1]["messages"][-1]["content"]]


async def test_a_server_that_falls_over_pictures_is_asked_without_them_before_it_is_given_up() -> None:
    def server(body: Body) -> Answer:
        if pictures.has_pictures(body["messages"][-1]["content"]):
            return 500, {"error": {"message": "internal error"}}
        return completion({"content": "Maaf, gambarnya belum bisa saya lihat."})

    async with serving(server) as (address, bodies):
        answer = await ask(opened(base_url=address, retries=2), PROMPT, pictures=SHOWN)
    assert answer.message.text.startswith("Maaf")
    assert [pictures.has_pictures(body["messages"][-1]["content"]) for body in bodies] == [True, True, False]


@pytest.mark.parametrize("settings", [{"vision": False}, {"name": "deepseek-chat"}, {"name": "gpt-3.5-turbo"}])
async def test_a_blind_model_is_told_and_never_shown(settings: dict[str, Any]) -> None:
    async with serving(lambda body: completion({"content": "Maaf."})) as (address, bodies):
        await ask(opened(base_url=address, **settings), PROMPT, pictures=SHOWN)
    assert bodies[0]["messages"][-1]["content"] == f"ini rusak\n[image]\n\n{pictures.UNSEEN}"


async def test_a_fallback_that_sees_is_shown_what_the_main_model_could_not_see() -> None:
    async with (
        serving(lambda body: (400, {"error": {"message": "broken"}})) as (first, _),
        serving(lambda body: completion({"content": "Gelasnya pecah."})) as (second, bodies),
    ):
        models = opened(base_url=first, vision=False, fallbacks=[{"name": "b", "base_url": second, "vision": True}])
        await ask(models, PROMPT, pictures=SHOWN)
    assert pictures.has_pictures(bodies[0]["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("name", "sees"),
    [("gpt-4o", True), ("gpt-5-mini", True), ("llava:7b", True), ("o3-mini", False), ("offline", False)],
)
def test_what_is_not_known_to_be_blind_is_tried(name: str, sees: bool) -> None:
    (model,) = open_models(ModelSettings(name=name, base_url="http://127.0.0.1:1/v1"), agent_name="Melati")
    assert model.dialect.images is sees
