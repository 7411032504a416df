"""The `conversation:` part of agent.yaml: when the agent speaks, when it is silent, and its fixed texts."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.config.hours import Hours
from agent.config.texts import FactText, Text
from settings import Duration, Settings

HandoverCause = Literal["asked", "failure", "unknown_outcome", "budget"]
GivenBack = Literal["unassigned", "closed"]


class QuietWindow(Settings):
    """How long to wait whether the customer writes on, so that three quick messages get one answer."""

    finished: Duration = Field(default=timedelta(seconds=0.3), description="After a message that is a whole question.")
    unfinished: Duration = Field(
        default=timedelta(seconds=2), description="After one that is not: `halo`, a half sentence, a lone picture."
    )
    longest: Duration = Field(default=timedelta(seconds=8), description="Never longer than this in all.")

    @model_validator(mode="after")
    def _in_order(self) -> "QuietWindow":
        if not self.finished <= self.unfinished <= self.longest:
            raise ValueError("finished must not be longer than unfinished, nor unfinished longer than longest")
        return self


class HandoverSettings(Settings):
    """When and how a human takes over."""

    assign_to: str | None = Field(
        default=None,
        description="User id or e-mail on the platform to whom the conversation is assigned; null leaves it unassigned.",
        examples=["budi@kopisenja.example"],
    )
    when: tuple[HandoverCause, ...] = Field(
        default=("asked", "failure", "unknown_outcome", "budget"),
        description="What leads to a handover: `asked` for a human, `failure` of the model, an action of `unknown_outcome`, "
        "an exhausted `budget` (limits.usd_per_day, limits.turns_per_contact_per_day).",
    )
    assigned: Literal["silent", "answer"] = Field(
        default="silent",
        description="What an assignment by a colleague means: the agent is `silent`, or it will `answer` until somebody "
        "writes; the latter where the platform assigns every conversation by itself.",
    )
    resume_after: Duration | None = Field(
        default=timedelta(hours=12),
        description="When the agent answers again by itself; null: only when the conversation is given back.",
    )
    resume_on: tuple[GivenBack, ...] = Field(
        default=("unassigned", "closed"),
        description="What gives the conversation back to the agent before that time: it is `unassigned`, it is `closed`.",
    )
    text: FactText = Field(
        default=Text.of(
            id="Sebentar ya, saya sambungkan ke tim kami.",
            en="One moment, I am connecting you with our team.",
            ms="Sekejap ya, saya sambungkan kepada pasukan kami.",
        ),
        description="What the customer is told, once: a text, or one by language such as `{id: …, en: …}`.",
    )


_Word = Annotated[str, Field(min_length=1)]


class OptOut(Settings):
    """The words with which a customer stops everything."""

    words: tuple[_Word, ...] = Field(
        default=("stop", "berhenti", "unsubscribe"),
        description="A message that is only one of these words opts the customer out.",
    )
    again: tuple[_Word, ...] = Field(
        default=("mulai", "mula", "lanjut", "start", "subscribe", "unstop"),
        description="A message that is only one of these words brings an opted-out customer back.",
    )
    tag: str | None = Field(
        default=None,
        min_length=1,
        description="A tag that the contact bears on the platform while opted out; null: none.",
        examples=["opt-out"],
    )
    text: FactText = Field(
        default=Text.of(
            id="Baik, kami tidak akan mengirim pesan lagi. Balas MULAI kalau berubah pikiran.",
            en="All right, we will not send you any more messages. Reply START if you change your mind.",
            ms="Baik, kami tidak akan menghantar mesej lagi. Balas MULA jika berubah fikiran.",
        ),
        description="What is sent once in confirmation.",
    )


class ConversationSettings(Settings):
    """When the agent speaks, when it is silent, and its fixed texts."""

    quiet_window: QuietWindow = Field(
        default_factory=QuietWindow, description="How long to wait whether more is coming."
    )
    history: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Messages of the conversation that the model sees at most, the newest ones, as far as `limits.prompt_tokens` allows.",
    )
    pacing: Duration = Field(
        default=timedelta(0),
        le=timedelta(seconds=1),
        description="How long a character takes to type: the further messages of one reply come that much later each, at most 10s. "
        "0s sends them at once.",
        examples=["0s", "0.02s"],
    )
    handover: HandoverSettings = Field(default_factory=HandoverSettings, description="When and how a human takes over.")
    hours: Hours | None = Field(
        default=None,
        description="When the business is open, in its own time zone; null: always.",
        examples=[{"mon-fri": "08:00-21:00", "sat": "09:00-17:00", "outside": "answer"}],
    )
    opt_out: OptOut = Field(default_factory=OptOut, description="How customers stop all messages.")
    on_failure: FactText = Field(
        default=Text.of(
            id="Maaf, sedang ada kendala. Tim kami akan membalas secepatnya.",
            en="Sorry, something is not working right now. Our team will reply as soon as possible.",
            ms="Maaf, ada masalah sekarang. Pasukan kami akan membalas secepat mungkin.",
        ),
        description="What the customer reads when no model can answer.",
    )
    on_failure_done: FactText = Field(
        default=Text.of(id="Yang sudah dilakukan:", en="What has been done already:", ms="Yang sudah dilakukan:"),
        description="Stands after `on_failure`, before the actions that had changed something by then.",
    )
    voice_unclear: FactText = Field(
        default=Text.of(
            id="Maaf, pesan suaranya belum bisa kami pahami. Boleh ditulis saja pesannya? 🙏",
            en="Sorry, we could not make out your voice note. Could you write it instead? 🙏",
            ms="Maaf, mesej suara itu kurang jelas. Boleh tuliskan sahaja? 🙏",
        ),
        description="What is said to a voice note that was not understood.",
    )
    voice_off: FactText = Field(
        default=Text.of(
            id="Maaf, kami belum bisa mendengarkan pesan suara. Boleh ditulis saja pesannya? 🙏",
            en="Sorry, we cannot listen to voice notes yet. Could you write it instead? 🙏",
            ms="Maaf, kami belum boleh mendengar mesej suara. Boleh tuliskan sahaja? 🙏",
        ),
        description="What is said to a voice note where none can be heard.",
    )
