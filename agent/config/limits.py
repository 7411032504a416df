"""The `limits:` part of agent.yaml."""

from pydantic import Field

from settings import Settings


class LimitSettings(Settings):
    """Where a turn, a contact and a day end. A turn that reaches its limit ends with a handover, never in silence."""

    model_calls: int = Field(default=8, ge=1, description="Model calls in one turn.")
    actions: int = Field(default=12, ge=0, description="Action calls in one turn.")
    seconds: float = Field(default=90, gt=0, description="Seconds that one turn may take.")
    tokens_per_turn: int = Field(default=30_000, ge=100, description="Tokens, read and written, in one turn.")
    turns_per_contact_per_day: int = Field(default=200, ge=1, description="Answers to one contact in a day.")
    usd_per_day: float = Field(
        default=20,
        gt=0,
        description="US dollars for model calls in 24 hours, all contacts together; counted with `model.price`.",
    )
    turns_at_once: int = Field(
        default=1000, ge=1, description="Turns that one process works on at the same time; further ones wait."
    )
