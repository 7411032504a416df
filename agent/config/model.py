"""The `model:` part of agent.yaml."""

from datetime import timedelta
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from settings import Duration, Settings

OFFLINE = "offline"
"""The name of the model that answers with no language model and no server."""

OPENAI = "openai"
"""The provider whose API all OpenAI-compatible servers speak; it needs no further package."""

AZURE = "azure_openai"
"""The provider of Azure's own API, which wants a version of it beside the address."""

_PACKAGES = {
    "anthropic_bedrock": "langchain-aws",
    AZURE: "langchain-openai",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "google_anthropic_vertex": "langchain-google-vertexai",
    "nvidia": "langchain-nvidia-ai-endpoints",
}
"""The package of a provider where it is not `langchain-` and its name."""

_OURS = frozenset({"messages", "model", "stream", "n", "tools", "functions"})


def _no_option_of_ours(options: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(_OURS & options.keys()):
        raise ValueError(f"{', '.join(taken)} is set by balas itself; leave it out")
    return options


Options = Annotated[dict[str, Any], AfterValidator(_no_option_of_ours)]


def _installed(provider: str) -> str:
    if provider == OPENAI:
        return provider
    package = _PACKAGES.get(provider, f"langchain-{provider.replace('_', '-')}")
    if find_spec(package.replace("-", "_")) is None:
        raise ValueError(f"{provider} needs the package {package}, which is not installed: pip install {package}")
    return provider


Provider = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$"), AfterValidator(_installed)]


Vision = Literal["auto"] | bool
Cache = Literal["auto", "explicit", "none"]


class Price(Settings):
    """What a model costs, in US dollars per million tokens, as its provider's price list says."""

    input: float = Field(ge=0, description="What it reads.", examples=[0.25])
    output: float = Field(ge=0, description="What it writes, thinking included.", examples=[2.0])
    cached: float | None = Field(
        default=None,
        ge=0,
        description="What it reads again from the provider's cache; null: as dear as the rest.",
        examples=[0.025],
    )
    cache_write: float | None = Field(
        default=None,
        ge=0,
        description="What it reads and puts into the provider's cache; null: as dear as the rest. Anthropic takes a quarter more.",
        examples=[3.75],
    )


class FallbackSettings(Settings):
    """Another model, possibly on another server, for when the main one fails."""

    name: str = Field(min_length=1, description="Name of the model.", examples=["llama3.1:8b"])
    base_url: str | None = Field(
        default=None, pattern="^https?://", description="Its server, when it is not the main model's."
    )
    api_key: SecretStr | None = Field(default=None, description="Its key, when it is not the main model's.")
    price: Price | None = Field(
        default=None,
        description="US dollars per million tokens; null: its cost is not counted.",
        examples=[{"input": 0.25, "output": 2.0}],
    )
    provider: Provider | None = Field(default=None, description="Its API, when it is not the main model's.")
    options: Options = Field(
        default_factory=dict,
        description="Further parameters of its requests; those of the main model are not taken over.",
        examples=[{"reasoning_effort": "low"}],
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Further headers of its requests. With none, those of the main model, when it is on the same server.",
    )
    timeout: Duration | None = Field(
        default=None, description="The longest a single call of it may take; left out, as long as the main model's."
    )
    vision: Vision = Field(default="auto", description="Whether it is shown pictures, as in `model.vision`.")
    cache: Cache = Field(default="auto", description="How its server keeps prompts, as in `model.cache`.")


class ModelSettings(Settings):
    """The chat model that thinks. Without a key and without a server of your own, the `offline` model answers."""

    name: str = Field(
        default="gpt-5-mini",
        min_length=1,
        description="Any chat model of an OpenAI-compatible server; `offline` needs no server.",
        examples=["gpt-5-mini", "offline"],
    )
    api_key: SecretStr | None = Field(
        default=None, description="Key of the server. With neither a key nor a `base_url`, the `offline` model answers."
    )
    base_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="An OpenAI-compatible server such as Ollama, vLLM or llama.cpp; left out, OpenAI's own.",
        examples=["http://127.0.0.1:11434/v1"],
    )
    provider: Provider = Field(
        default=OPENAI,
        description="Whose API the server speaks. `openai`: OpenAI's own and every compatible server. Any other that langchain opens "
        "(`anthropic`, `google_genai` …) when its package is installed, e.g. `pip install langchain-anthropic`.",
        examples=["openai", "anthropic", "google_genai"],
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="How freely it words its answers; not sent unless it is written here.",
        examples=[0.2],
    )
    options: Options = Field(
        default_factory=dict,
        description="Further parameters of every request, as the server's documentation names them.",
        examples=[{"reasoning_effort": "low", "top_p": 0.9}],
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Further headers of every request.")
    timeout: Duration = Field(
        default=timedelta(seconds=60),
        description="The longest a single model call may take, from its beginning to the last byte.",
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a call that failed is repeated, on each model, before the next one is asked. An answer that is no good "
        "(malformed, cut off, empty) is no failed call: the model is told twice at most what was wrong.",
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="The longest answer, in tokens; null leaves it to the server.", examples=[1000]
    )
    price: Price | None = Field(
        default=None,
        description="US dollars per million tokens, for `limits.usd_per_day`; null: the cost is not counted. A server of your own "
        "costs `{input: 0, output: 0}`.",
        examples=[{"input": 0.25, "output": 2.0}],
    )
    vision: Vision = Field(
        default="auto",
        description="Whether the model is shown the pictures that customers send. `auto`: unless it is known to be blind, or its server "
        "refuses them once. Without, the model is told that there is one, and asks what it shows.",
        examples=["auto", True, False],
    )
    cache: Cache = Field(
        default="auto",
        description="How the server keeps prompts that repeat. `explicit`: it is told what to keep by `cache_control`, as Anthropic wants "
        "it, directly or through OpenRouter; `auto`: that for Claude models, and nothing for all others, which keep what repeats by "
        "themselves; `none`: never.",
    )
    fallbacks: tuple[str | FallbackSettings, ...] = Field(
        default=(),
        description="Models that are asked in turn when the main one fails: names, or `{name, base_url, api_key}`. With none, "
        "the customer gets `conversation.on_failure` and a human.",
        examples=[["gpt-5-nano", "offline"]],
    )

    @field_validator("timeout")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value <= timedelta():
            raise ValueError("0s leaves the model no time; write e.g. 60s")
        return value

    @property
    def key(self) -> str:
        """The key as text; empty when there is none."""
        return self.api_key.get_secret_value().strip() if self.api_key else ""

    @property
    def unpriced(self) -> list[str]:
        """Names of the models that may be asked and whose price is not known."""
        models = [(self.name, self.price)] if not self.offline else []
        models += [(each, None) if isinstance(each, str) else (each.name, each.price) for each in self.fallbacks]
        return [name for name, price in models if price is None and name != OFFLINE]

    @property
    def offline(self) -> bool:
        """Whether no server is asked: by name, or because there is neither a key nor a server."""
        return self.name == OFFLINE or (self.provider == OPENAI and not self.key and self.base_url is None)


class LimitSettings(Settings):
    """Where a turn, a contact and a day end. A turn that reaches its limit ends with a handover, never in silence."""

    model_calls: int = Field(default=20, ge=1, description="Model calls in one turn.")
    actions: int = Field(default=20, ge=0, description="Action calls in one turn.")
    seconds: float = Field(default=90, gt=0, description="Seconds that one turn may take.")
    tokens_per_turn: int = Field(
        default=60_000,
        ge=100,
        description="New work in one turn, in tokens: what the model writes, and what it reads for the first time.",
    )
    prompt_tokens: int = Field(
        default=32_000,
        ge=1_000,
        description="What the model reads at most in one call, in tokens. What is older is shortened, ids last, and then left to the "
        "summary. Keep it below the model's window.",
    )
    turns_per_contact_per_day: int = Field(default=200, ge=1, description="Answers to one contact in a day.")
    workflow_messages_per_contact_per_day: int = Field(
        default=20, ge=1, description="Messages of workflows to one contact in a day; further ones are skipped."
    )
    usd_per_day: float = Field(
        default=20,
        gt=0,
        description="US dollars for model calls in 24 hours, all contacts together; counted with `model.price`.",
    )
    usd_per_contact_per_day: float | None = Field(
        default=None,
        gt=0,
        description="US dollars for model calls to one contact in 24 hours, so that one cannot use up everybody's; null: a quarter of "
        "`usd_per_day`.",
        examples=[2],
    )
    turns_at_once: int = Field(
        default=1000, ge=1, description="Turns that one process works on at the same time; further ones wait."
    )

    @property
    def usd_of_contact(self) -> float:
        """US dollars that one contact may cost in 24 hours."""
        return self.usd_per_day / 4 if self.usd_per_contact_per_day is None else self.usd_per_contact_per_day
