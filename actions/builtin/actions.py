"""The built-in actions that need no HTTP call: each asks the runtime for something, done when the turn is committed.

`sendable` and `is_inside` decide which files of the agent's folder may be sent; a path cannot lead out of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta, tzinfo
from pathlib import Path, PurePosixPath

from actions.action import (
    Action,
    ChangeTags,
    CloseConversation,
    Comment,
    Context,
    HandOver,
    Json,
    Outcome,
    Remember,
    SendFile,
    SendQuickReplies,
    SetLifecycle,
    WrappedAction,
)
from actions.arguments import Arguments, Values
from actions.builtin.settings import (
    BuiltinSettings,
    CloseConversationAction,
    CommentAction,
    HandOverAction,
    LifecycleAction,
    QuickRepliesAction,
    RememberAction,
    SendFileAction,
    TagsAction,
)
from actions.parameters import Parameter
from actions.provenance import OFFERED
from actions.redaction import secret_in
from actions.wording import Wording

MOST = 100  # names that a model can be given to choose from


def sendable(root: Path, patterns: Sequence[str]) -> list[str]:
    """List the files under `root` that match, as relative POSIX paths, sorted, at most `MOST`; never hidden ones."""
    found = {
        path.relative_to(root).as_posix()
        for pattern in patterns
        if not PurePosixPath(pattern).is_absolute() and ".." not in PurePosixPath(pattern).parts
        for path in root.glob(pattern)
    }
    return sorted(name for name in found if is_inside(root, name))[:MOST]


def is_inside(root: Path, name: str) -> bool:
    """Tell whether `name` is a file in `root`: not hidden, and not a link to a place outside it."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or any(part.startswith(".") for part in relative.parts) or "\\" in name or "\0" in name:
        return False
    target = (root / relative).resolve()
    return target.is_relative_to(root.resolve()) and target.is_file()


class Reworded(WrappedAction):
    """An action of the runtime under the name and texts of its `{builtin: …}` entry; what it does is the same."""

    def __init__(self, action: Action, settings: BuiltinSettings) -> None:
        super().__init__(action)
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.name or self._action.name

    @property
    def description(self) -> str:
        return self._settings.description or self._action.description

    @property
    def confirm(self) -> str | None:
        return self._settings.confirm.text if self._settings.confirm else self._action.confirm

    @property
    def confirm_expires(self) -> timedelta:
        return self._settings.confirm.expires if self._settings.confirm else self._action.confirm_expires

    @property
    def examples(self) -> Sequence[str]:
        return self._settings.examples or self._action.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._settings.claims or self._action.claims


Work = Callable[[Mapping[str, Json], Context], Outcome]


class BuiltinAction(Wording):
    """An action that only asks the runtime for something; repeating it before the commit is harmless.

    Args:
        name: which built-in action it is; `settings.name` may call it otherwise.
        schema: its parameters, as agent.yaml would declare them.
        work: makes the outcome of checked values.
        effect: whether its outcome is a receipt, and it runs at most once a turn.
    """

    def __init__(
        self,
        settings: BuiltinSettings,
        name: str,
        description: str,
        schema: Mapping[str, object],
        work: Work,
        effect: bool,
        timezone: tzinfo = UTC,
    ) -> None:
        super().__init__(settings)
        self._settings = settings
        self._name = name
        self._description = description
        self._arguments = Arguments({key: Parameter.model_validate(value) for key, value in schema.items()}, timezone)
        self._work = work
        self._effect = effect

    @property
    def name(self) -> str:
        return self._settings.name or self._name

    @property
    def builtin(self) -> str | None:
        return self._name

    @property
    def description(self) -> str:
        return self._settings.description or self._description

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self._arguments.schema

    @property
    def effect(self) -> bool:
        return self._effect

    @property
    def reads(self) -> bool:
        return False

    @property
    def idempotent(self) -> bool:
        return True

    @property
    def identity(self) -> Sequence[str]:
        return tuple(self._arguments.schema["properties"])  # type: ignore[arg-type]

    @property
    def per_turn(self) -> int | None:
        return None

    @property
    def hints(self) -> Sequence[str]:
        return ()

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        values = self._arguments.take(arguments, context)
        return values.visible if isinstance(values, Values) else arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        outcome = self._outcome(arguments, context)
        return outcome if outcome.status != "done" else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return self._outcome(arguments, context)

    def _outcome(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        values = self._arguments.take(arguments, context)
        return values if isinstance(values, Outcome) else self._work(values.all, context)


def builtin_action(settings: BuiltinSettings, *, files: Path) -> BuiltinAction:
    """Make the action of one `{builtin: …}` entry.

    Args:
        files: the folder of agent.yaml, whose files `send_file` offers.

    Raises:
        TypeError: the entry is `send_qris` or `follow_up`, which need the ledger, or one of `actions.builtin.contact_fields`.
    """
    match settings:
        case HandOverAction():
            return _hand_over(settings)
        case RememberAction():
            return _remember(settings)
        case TagsAction():
            return _tags(settings)
        case LifecycleAction():
            return _lifecycle(settings)
        case CommentAction():
            return _comment(settings)
        case CloseConversationAction():
            return _close(settings)
        case SendFileAction():
            return _send_file(settings, files)
        case QuickRepliesAction():
            return _quick_replies(settings)
    raise TypeError(f"no built-in action is made from {type(settings).__name__}")


_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}


def _optional_text(arguments: Mapping[str, Json], name: str) -> str | None:
    value = arguments.get(name)
    return str(value) if value else None


def _hand_over(settings: HandOverAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        request = HandOver(str(arguments["reason"]), _optional_text(arguments, "summary"))
        return Outcome("done", "A colleague takes over when this turn ends. Tell the customer so.", requests=(request,))

    schema = {
        "reason": {**_TEXT, "description": "why a human is needed"},
        "summary": {**_TEXT, "optional": True, "description": "what the colleague should know"},
    }
    text = "Hand the conversation to a human colleague: when the customer asks for one, complains, or needs what you cannot do."
    return BuiltinAction(settings, "hand_over", text, schema, work, effect=True)


def _remember(settings: RememberAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        told = arguments["facts"]
        facts = {
            str(fact["key"]): str(fact["value"])
            for fact in (told if isinstance(told, list) else [])
            if isinstance(fact, dict)
        }
        if (kind := next(filter(None, map(secret_in, facts.values())), None)) is not None:
            return Outcome(
                "refused", f"Nothing was remembered: {kind} is never kept. Do not repeat it to the customer."
            )
        return Outcome(
            "done", f"Will be remembered: {', '.join(facts)}.", {"remembered": list(facts)}, (Remember(facts),)
        )

    schema = {
        "facts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 10,
            "from": "conversation",
            "description": "what the customer said about themselves, never about somebody else",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["key", "value"],
                "properties": {
                    "key": {"type": "string", "enum": list(settings.facts)},
                    "value": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 200,
                        "description": "in the customer's own words, neither translated nor completed",
                    },
                },
            },
        }
    }
    text = f"Remember for later what the customer tells about themselves: {', '.join(settings.facts)}."
    return BuiltinAction(settings, "remember", text, schema, work, effect=False)


def _tags(settings: TagsAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        add, remove = (tuple(map(str, arguments.get(key) or ())) for key in ("add", "remove"))  # type: ignore[arg-type]
        if not add and not remove:
            return Outcome("refused", "Nothing was done: name at least one tag to add or to remove.")
        return Outcome("done", "The tags will be changed.", requests=(ChangeTags(add, remove),))

    tags = {
        "type": "array",
        "items": {"type": "string", "enum": list(settings.tags)},
        "uniqueItems": True,
        "optional": True,
    }
    schema = {"add": {**tags, "description": "tags to add"}, "remove": {**tags, "description": "tags to remove"}}
    text = "Mark the contact for colleagues, by adding or removing tags."
    return BuiltinAction(settings, "tags", text, schema, work, effect=True)


def _lifecycle(settings: LifecycleAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        stage = str(arguments["stage"])
        return Outcome("done", f"The contact will be in the stage {stage}.", requests=(SetLifecycle(stage),))

    schema = {"stage": {"type": "string", "enum": list(settings.stages), "description": "the stage"}}
    text = "Move the contact to another stage of the customer lifecycle."
    return BuiltinAction(settings, "lifecycle", text, schema, work, effect=True)


def _comment(settings: CommentAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        return Outcome("done", "The note will be left for colleagues.", requests=(Comment(str(arguments["text"])),))

    schema = {"text": {**_TEXT, "description": "the note"}}
    text = "Leave a note for colleagues that the customer does not see."
    return BuiltinAction(settings, "comment", text, schema, work, effect=False)


def _close(settings: CloseConversationAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        request = CloseConversation(_optional_text(arguments, "category"), _optional_text(arguments, "summary"))
        return Outcome("done", "The conversation will be closed after your reply.", requests=(request,))

    schema: dict[str, object] = {"summary": {**_TEXT, "optional": True, "description": "what it was about"}}
    if settings.categories:
        schema["category"] = {"type": "string", "enum": list(settings.categories), "description": "the category"}
    text = "Close the conversation once the customer needs nothing more."
    return BuiltinAction(settings, "close_conversation", text, schema, work, effect=True)


def _send_file(settings: SendFileAction, root: Path) -> BuiltinAction:
    names = sendable(root, settings.files)

    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        name = str(arguments["file"])
        if not is_inside(root, name):
            return Outcome("failed", f"Nothing was sent: {name} is no longer there.")
        request = SendFile(name, _optional_text(arguments, "caption"))
        return Outcome("done", f"{name} will be sent with your reply.", requests=(request,))

    schema = {
        "file": {"type": "string", "enum": names or [""], "description": "which file"},
        "caption": {**_TEXT, "maxLength": 1000, "optional": True, "description": "a text beside it"},
    }
    return BuiltinAction(settings, "send_file", "Send the customer a picture or document.", schema, work, effect=False)


def _quick_replies(settings: QuickRepliesAction) -> BuiltinAction:
    def work(arguments: Mapping[str, Json], _context: Context) -> Outcome:
        replies = arguments["replies"]
        texts = tuple(map(str, replies if isinstance(replies, list) else ()))
        request = SendQuickReplies(str(arguments["title"]), texts)
        told = "The choices will be shown. Do not list them again in your reply."
        return Outcome("done", told, {OFFERED: list(texts)}, (request,))

    schema = {
        "title": {**_TEXT, "maxLength": 1000, "description": "the question above the choices"},
        "replies": {
            "type": "array",
            "minItems": 1,
            "maxItems": 10,
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 1, "maxLength": 20},
            "description": "the choices, at most 20 characters each",
        },
    }
    text = "Offer the customer a few answers to tap instead of writing."
    return BuiltinAction(settings, "quick_replies", text, schema, work, effect=False)
