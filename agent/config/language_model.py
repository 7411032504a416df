"""The `model:` part of agent.yaml."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from settings import Duration, Settings

OFFLINE = "offline"
"""The name of the model that answers with no language model and no server."""


class FallbackSettings(Settings):
    """Another model, possibly on another server, for when the main one fails."""

    name: str = Field(min_length=1, description="Name of the model.", examples=["llama3.1:8b"])
    base_url: str | None = Field(
        default=None, pattern="^https?://", description="Its server, when it is not the main model's."
    )
    api_key: SecretStr | None = Field(default=None, description="Its key, when it is not the main model's.")


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
    temperature: float | None = Field(
        default=0.2, ge=0, le=2, description="How freely it words its answers; null leaves it to the server."
    )
    timeout: Duration = Field(default=timedelta(seconds=60), description="The longest a single model call may take.")
    retries: int = Field(
        default=2, ge=0, le=20, description="How often a failed call is repeated before a fallback is asked."
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="The longest answer, in tokens; null leaves it to the server.", examples=[1000]
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
    def offline(self) -> bool:
        """Whether no server is asked: by name, or because there is neither a key nor a server."""
        return self.name == OFFLINE or (not self.key and self.base_url is None)
