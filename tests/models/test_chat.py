"""Opening the models of agent.yaml through the packages of their providers."""

from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.config.model import ModelSettings
from agent.errors import InputError
from agent.models.chat import ChatModel, open_models
from agent.web.listening import listening
from tests.acceptance.stub_model import _completion

KEY = "a-secret-key-of-azure"


def _open(options: Mapping[str, Any], base_url: str = "https://shop.openai.azure.com") -> ChatModel:
    settings = {"name": "gpt-4o", "provider": "azure_openai", "api_key": KEY, "base_url": base_url, "options": options}
    (model,) = open_models(ModelSettings.model_validate(settings), agent_name="Melati")
    return model


async def test_azure_is_asked_at_its_resource_for_the_deployment_by_its_version() -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    async def answer(request: Request) -> Response:
        asked.append((request.url.path, request.query_params.get("api-version"), request.headers.get("api-key")))
        return JSONResponse(_completion("Halo", 1))

    async with listening(Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])]), "127.0.0.1", 0) as url:
        told = await _open({"api_version": "2024-10-21"}, url).model.ainvoke([HumanMessage("hai")])
    assert told.content == "Halo"
    assert asked == [("/openai/deployments/gpt-4o/chat/completions", "2024-10-21", KEY)]


def test_what_a_provider_refuses_is_told_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_VERSION", raising=False)
    with pytest.raises(InputError) as refused:
        _open({})
    assert "api_version" in str(refused.value)
    assert "a-sec" not in str(refused.value)
    assert "input_value" not in str(refused.value)
