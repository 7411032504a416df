"""The chat models that agent.yaml names, in the order in which they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.config.model import OFFLINE, FallbackSettings, ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model with its name in agent.yaml. Prices are US dollars per million tokens."""

    name: str
    model: "BaseChatModel"
    price_in: float = 0.0
    price_out: float = 0.0

    @property
    def offline(self) -> bool:
        """Whether it is a program that answers without a language model."""
        return self.name == OFFLINE

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Price a call in US dollars."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000


def open_models(settings: ModelSettings, *, agent_name: str) -> Sequence[ChatModel]:
    """Open the model of agent.yaml and its fallbacks, each once.

    Args:
        settings: the section `model`.
        agent_name: who the offline model says it is.

    Returns:
        The models in the order in which they are asked.
    """
    models = [
        _offline(agent_name)
        if settings.offline
        else _remote(settings, FallbackSettings(name=settings.name, price=settings.price))
    ]
    for fallback in settings.fallbacks:
        named = FallbackSettings(name=fallback) if isinstance(fallback, str) else fallback
        model = _offline(agent_name) if named.name == OFFLINE else _remote(settings, named)
        if all(model.name != other.name for other in models):
            models.append(model)
    return models


def _offline(agent_name: str) -> ChatModel:
    from agent.models.offline.model import OfflineChatModel

    return ChatModel(OFFLINE, OfflineChatModel(agent_name=agent_name))


def _remote(settings: ModelSettings, named: FallbackSettings) -> ChatModel:
    from pydantic import SecretStr

    from agent.models.openai import CompatibleChat

    key = named.api_key.get_secret_value() if named.api_key is not None else settings.key
    chat = CompatibleChat(
        model=named.name,
        api_key=SecretStr(key or "none"),  # a local server wants no key, the client wants one
        base_url=named.base_url or settings.base_url,
        temperature=settings.temperature,
        timeout=settings.timeout.total_seconds(),
        max_completion_tokens=settings.max_tokens,
        max_retries=0,  # the turn retries: it knows its deadline, and writes down what it did
        use_responses_api=False,
    )
    if named.price is None:
        return ChatModel(named.name, chat)
    return ChatModel(named.name, chat, named.price.input, named.price.output)
