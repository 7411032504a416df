"""The chat models that agent.yaml names, in the order in which they are asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.config.model import OFFLINE, OPENAI, FallbackSettings, ModelSettings
from agent.errors import InputError
from agent.models import tokens
from agent.models.caching import wants_breakpoints
from agent.models.dialects import Dialect
from agent.models.tokens import Counter

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel

    from agent.models.offline.model import OfflineChatModel

_BLIND = re.compile(r"gpt-3\.5|o1-mini|o3-mini|deepseek-(?:chat|reasoner|coder)|-coder\b|codestral", re.IGNORECASE)
"""Names of models that read text only."""

_PROVIDERS = {
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "azure_openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "ibm": "ibm.watsonx.ai",
}
"""langchain's names of providers that OpenTelemetry knows under another."""
_HEADERS = {"google_genai": "additional_headers", "google_vertexai": "additional_headers"}
"""What a provider's package calls the headers of all requests, where it is not `default_headers`."""
_BASE_URL = {"azure_openai": "azure_endpoint"}
"""What a provider's package calls the address of its server, where it is not `base_url`."""


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model with its name in agent.yaml. Prices are US dollars per million tokens.

    Attributes:
        timeout: seconds that one call may take, from its beginning to the last byte; `None` leaves it to the client.
        dialect: what its server has refused so far, whether it sees pictures, and how long a conversation may be.
        explicit_cache: whether its server wants to be told what to keep of a prompt.
        count: counts the tokens of a text as the model does.
        provider: as OpenTelemetry names it.
    """

    name: str
    model: "BaseChatModel | OfflineChatModel"
    price_in: float = 0.0
    price_out: float = 0.0
    price_cached: float | None = None
    timeout: float | None = None
    dialect: Dialect = field(default_factory=Dialect)
    price_cache_write: float | None = None
    explicit_cache: bool = False
    count: Counter = tokens.estimate
    provider: str = OPENAI

    @property
    def offline(self) -> bool:
        """Whether it is a program that answers without a language model."""
        return self.name == OFFLINE

    @property
    def compatible(self) -> bool:
        """Whether it is asked by OpenAI's API, in its server's dialect."""
        return hasattr(self.model, "dialect")

    def cost(self, tokens_in: int, tokens_out: int, cached: int = 0, written: int = 0) -> float:
        """Price a call in US dollars.

        Args:
            tokens_in: tokens that were read.
            tokens_out: tokens that were written.
            cached: how many of those that were read came from the server's cache.
            written: how many of those that were read were put into it.
        """
        price_cached = self.price_in if self.price_cached is None else self.price_cached
        price_written = self.price_in if self.price_cache_write is None else self.price_cache_write
        new = max(0, tokens_in - cached - written)
        read = new * self.price_in + cached * price_cached + written * price_written
        return (read + tokens_out * self.price_out) / 1_000_000


def open_models(
    settings: ModelSettings, *, agent_name: str, http: "httpx2.AsyncClient | None" = None
) -> Sequence[ChatModel]:
    """Open the model of agent.yaml and its fallbacks, each once.

    Args:
        settings: the section `model`.
        agent_name: who the offline model says it is.
        http: connects to servers that speak OpenAI's API; the client's own when left out.

    Returns:
        The models in the order in which they are asked.

    Raises:
        InputError: a provider does not know the model or an option.
    """
    first = FallbackSettings.model_validate(
        {
            name: getattr(settings, name)
            for name in ("name", "price", "options", "headers", "provider", "vision", "cache")
        }
    )
    models = [_offline(agent_name) if settings.offline else _remote(settings, first, http)]
    for fallback in settings.fallbacks:
        named = FallbackSettings(name=fallback) if isinstance(fallback, str) else fallback
        model = _offline(agent_name) if named.name == OFFLINE else _remote(settings, named, http)
        if all(model.name != other.name for other in models):
            models.append(model)
    return models


def model_client() -> "httpx2.AsyncClient":
    """Connect to models with aiohttp, as the OpenAI client offers it: it takes half the processor time of its default."""
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient()


def _offline(agent_name: str) -> ChatModel:
    from agent.models.offline.model import OfflineChatModel

    return ChatModel(OFFLINE, OfflineChatModel(agent_name=agent_name), dialect=Dialect(images=False), provider="balas")


def _remote(settings: ModelSettings, named: FallbackSettings, http: "httpx2.AsyncClient | None") -> ChatModel:
    provider = named.provider or settings.provider
    own_server = named.base_url is not None or provider != settings.provider
    key = named.api_key.get_secret_value() if named.api_key is not None else settings.key
    headers = {
        name: value.get_secret_value()
        for name, value in (named.headers or ({} if own_server else settings.headers)).items()
    }
    given: dict[str, Any] = {
        "api_key": key,
        "base_url": named.base_url or (None if provider != settings.provider else settings.base_url),
        "temperature": settings.temperature,
        "timeout": (named.timeout or settings.timeout).total_seconds(),
        "max_tokens": settings.max_tokens,
    }
    model = (
        _compatible(named, given, headers, http) if provider == OPENAI else _provided(provider, named, given, headers)
    )
    price = (0.0, 0.0, None) if named.price is None else (named.price.input, named.price.output, named.price.cached)
    dialect = getattr(model, "dialect", None) or Dialect()
    dialect.images = _sees(named)
    explicit = named.cache == "explicit" or (named.cache == "auto" and wants_breakpoints(provider, named.name))
    return ChatModel(
        named.name,
        model,
        *price,
        timeout=given["timeout"],
        dialect=dialect,
        price_cache_write=None if named.price is None else named.price.cache_write,
        explicit_cache=explicit,
        count=tokens.counter(named.name),
        provider=_PROVIDERS.get(provider, provider),
    )


def _sees(named: FallbackSettings) -> bool:
    """Whether a model is shown pictures. One that is not known to be blind is tried: a refusal of its server is remembered."""
    if named.vision != "auto":
        return named.vision
    return _BLIND.search(named.name) is None


def _compatible(
    named: FallbackSettings, given: Mapping[str, Any], headers: Mapping[str, str], http: "httpx2.AsyncClient | None"
) -> "BaseChatModel":
    from pydantic import SecretStr

    from agent.models.openai import CompatibleChat

    options = dict(named.options)
    options |= options.pop("extra_body", None) or {}
    return CompatibleChat(
        model=named.name,
        api_key=SecretStr(given["api_key"] or "none"),  # a local server wants no key, the client wants one
        base_url=given["base_url"],
        temperature=given["temperature"],
        timeout=given["timeout"],
        max_completion_tokens=given["max_tokens"],
        http_async_client=http,
        max_retries=0,  # `agent.models.ask` retries: it knows the deadline, and writes down what it did
        use_responses_api=False,
        default_headers=headers or None,
        extra_body=options or None,
    )


def _provided(
    provider: str, named: FallbackSettings, given: Mapping[str, Any], headers: Mapping[str, str]
) -> "BaseChatModel":
    """Open a model through langchain's `init_chat_model` and the package of its provider, which the user has installed."""
    from langchain.chat_models import init_chat_model
    from pydantic import ValidationError

    wanted = {name: value for name, value in given.items() if value not in (None, "")} | {"max_retries": 0}
    if provider in _BASE_URL and "base_url" in wanted:
        wanted[_BASE_URL[provider]] = wanted.pop("base_url")
    if headers:
        wanted[_HEADERS.get(provider, "default_headers")] = headers
    try:
        model: BaseChatModel = init_chat_model(named.name, model_provider=provider, **(wanted | dict(named.options)))
    except ValidationError as error:  # its text holds what was given, the key included
        told = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise InputError(f"model.provider: {provider} cannot open {named.name}: {told}") from None
    except (ImportError, ValueError) as error:
        raise InputError(f"model.provider: {provider} cannot open {named.name}: {error}") from error
    return model
