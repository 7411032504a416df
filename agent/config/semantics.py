"""What the keys of agent.yaml mean together: fields that it names, contradictions, what no platform can do, and doubts."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from actions.builtin.settings import (
    CloseConversationAction,
    CreateContactAction,
    LifecycleAction,
    UpdateContactAction,
)
from actions.errors import FunctionError
from actions.mcp.settings import McpAction
from actions.parameters import CONTACT_FACTS, Source, left_to_the_model
from actions.python.settings import PythonAction
from actions.redaction import Redactor
from actions.settings import DeclaredAction
from agent.config.config import AgentConfig
from agent.config.document import Document, Path, Problem
from agent.config.model import AZURE, OFFLINE, FallbackSettings, ModelSettings
from agent.config.problems import dotted, mask, nearest
from agent.config.texts import FACTS, Text
from agent.config.workflows import Condition, Workflow
from knowledge.sync.files import inspect, unread_neighbours
from messaging import capabilities_of
from messaging.platform import Capabilities
from messaging.settings import BASE_URLS, WHERE_THE_ACCOUNT_IS, MessagingSettings
from voice.errors import VoiceError
from voice.models import find as find_model
from voice.settings import NONE

_PLACE = re.compile(r"\{\s*contact\.custom\.([^{}|]+)")


def read_fields(config: AgentConfig) -> list[str]:
    """Names after `contact.custom.`: in texts, and where parameters come from."""
    return sorted(set(_read(config)))


def written_fields(config: AgentConfig) -> list[str]:
    """Names that `update_contact` and `create_contact` may set, beside the standard ones."""
    writing = UpdateContactAction | CreateContactAction
    fields = {name for action in config.actions if isinstance(action, writing) for name in action.fields}
    return sorted(fields - set(CONTACT_FACTS))


def _read(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (name.strip() for name in _PLACE.findall(value))
    elif isinstance(value, Source):
        if value.kind == "contact" and value.name.startswith("custom."):
            yield value.name.removeprefix("custom.")
    elif isinstance(value, Text):
        yield from _read(value.by_language)
    elif isinstance(value, Condition):
        yield from (name.removeprefix("custom.") for name in value.field if name not in FACTS)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _read(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _read(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _read(item)


@dataclass(slots=True)
class _Problems:
    """A list of problems, each at its place."""

    document: Document
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, message: str) -> None:
        message = mask(f"{dotted(path)}: {message}", self.document.secrets)
        self.found.append(Problem(self.document.mark(path), message))


def contradictions(config: AgentConfig, document: Document) -> list[Problem]:
    """What single fields cannot know and no agent can run with."""
    problems = _Problems(document)
    _azure(config, problems)
    _workers(config, problems)
    _platforms(config, problems)
    _public_keys(config, problems)
    _impossible(config, problems)
    _functions(config, problems)
    _workflows(config, problems)
    return problems.found


def _azure(config: AgentConfig, problems: _Problems) -> None:
    """What Azure's own API needs beside a key; its client takes from the environment what is not written."""
    model = config.model
    asked: list[tuple[Path, ModelSettings | FallbackSettings]] = [(("model",), model)]
    asked += [
        (("model", "fallbacks", number), each)
        for number, each in enumerate(model.fallbacks)
        if isinstance(each, FallbackSettings)
    ]
    for path, each in asked:
        if (each.provider or model.provider) != AZURE or each.name == OFFLINE:
            continue
        place = (*path, "provider") if "provider" in each.model_fields_set else path
        if not (each.base_url or (each.provider is None and model.base_url) or os.environ.get("AZURE_OPENAI_ENDPOINT")):
            problems.add(place, f"{AZURE} needs `base_url`, the resource: https://NAME.openai.azure.com")
        if not (each.options.get("api_version") or os.environ.get("OPENAI_API_VERSION")):
            problems.add(
                place,
                f'{AZURE} needs the version of its API: options: {{api_version: "2024-10-21"}}; or leave provider out and let '
                "base_url end in /openai/v1, where Azure speaks OpenAI's API",
            )


def doubts(config: AgentConfig, document: Document) -> list[Problem]:
    """What is probably not meant, though the agent runs."""
    problems = _Problems(document)
    _model(config, problems)
    _messaging(config, problems)
    _partly_impossible(config, problems)
    _knowledge(config, problems)
    _chroma(config, problems)
    _voice(config, problems)
    _effects(config, problems)
    _members(config, problems)
    return problems.found


def _functions(config: AgentConfig, problems: _Problems) -> None:
    """Functions that cannot be actions: they are imported, as the agent would do."""
    from actions.python.action import open_function

    for number, entry in enumerate(config.actions):
        if isinstance(entry, PythonAction):
            try:
                open_function(entry, config.folder, Redactor())
            except FunctionError as error:
                key = ("parameters", error.parameter) if error.parameter in entry.parameters else ("python",)
                problems.add(("actions", number, *key), str(error))


_OF_THE_RUNTIME = frozenset(
    {"hand_over", "send_qris", "check_payment", "follow_up", "list_reminders", "cancel_reminder"}
)
"""Actions that stand in agent.yaml elsewhere than in `actions`."""


def _workflows(config: AgentConfig, problems: _Problems) -> None:
    """Actions that workflows name and this agent does not have, and hours that are not written down."""
    names = {action.label for action in config.actions if not isinstance(action, McpAction)}
    names |= {"hand_over"} if "asked" in config.conversation.handover.when else set()
    names |= {"send_qris", "check_payment"} if config.payments.qris is not None else set()
    names |= {"follow_up", "list_reminders", "cancel_reminder"} if config.followups.reminders else set()
    from_servers = any(isinstance(action, McpAction) for action in config.actions)
    for number, workflow in enumerate(config.workflows):
        for path, name in _actions_of(workflow):
            if name not in names and not from_servers:
                near = nearest(name, sorted(names))
                there = f"did you mean {near}?" if near else f"there are {', '.join(sorted(names)) or 'none'}"
                problems.add(("workflows", number, *path), f"there is no action {name!r}; {there}")
        if workflow.condition.hours is not None and config.conversation.hours is None:
            problems.add(
                ("workflows", number, "if", "hours"), "conversation.hours does not say when the business is open"
            )
        if workflow.alone:
            for path, what in _of_a_contact(config, workflow):
                why = "`schedule` without `for`" if workflow.on.event == "schedule" else workflow.on.event
                problems.add(("workflows", number, *path), f"{what} needs a contact, and {why} is about none")
        flows = workflow.audience.filter.workflow if workflow.audience and workflow.audience.filter else ()
        for name in flows:
            if name not in {each.name for each in config.workflows}:
                problems.add(("workflows", number, "for", "filter", "workflow"), f"there is no workflow {name!r}")


def _of_a_contact(config: AgentConfig, workflow: Workflow) -> Iterator[tuple[Path, str]]:
    """Where a workflow that is about no contact asks or does something of one, and what."""
    for name in workflow.condition.of_contact:
        yield ("if", name), name
    asking = {
        action.label: "built in" if not isinstance(action, DeclaredAction | PythonAction) else "confirm"
        for action in config.actions
        if not isinstance(action, McpAction)
        and (not isinstance(action, DeclaredAction | PythonAction) or action.confirm is not None)
    }
    for number, step in enumerate(workflow.do):
        if step.kind not in ("wait", "post", "action"):
            yield ("do", number, step.kind), step.kind
        if step.until is not None:
            yield ("do", number, "until"), "until"
        for name in step.action or ():
            if (why := asking.get(name, "built in" if name in _OF_THE_RUNTIME else None)) is not None:
                yield ("do", number, "action", name), f"{name} ({why})"


def _actions_of(workflow: Workflow) -> Iterator[tuple[Path, str]]:
    """Where a workflow names an action, and which."""
    if workflow.on.event == "action.done" and workflow.on.value is not None:
        yield ("on", "action.done"), workflow.on.value
    for number, step in enumerate(workflow.do):
        for name in step.action or ():
            yield ("do", number, "action", name), name


def _effects(config: AgentConfig, problems: _Problems) -> None:
    """Effects that any customer may have the model cause in anybody's name."""
    for number, entry in enumerate(config.actions):
        if isinstance(entry, DeclaredAction | PythonAction):
            effect = entry.has_effect if isinstance(entry, DeclaredAction) else entry.effect
            bound = any(source.kind == "contact" for one in entry.parameters.values() for source in one.source)
            proven = any(source.kind == "action" for one in entry.parameters.values() for source in one.source)
            if effect and entry.confirm is None and not bound and not proven:
                problems.add(
                    ("actions", number),
                    f"{entry.label} changes something, but neither asks first (confirm: …) nor is bound to the customer "
                    "(from: contact.phone)",
                )
        elif isinstance(entry, McpAction):
            bound = any(source.kind == "contact" for sources in entry.bind.values() for source in sources)
            if entry.effect is not False and not entry.confirm and not bound:
                problems.add(
                    ("actions", number),
                    "its tools may change something, but none asks first (confirm: {tool: …}) and nothing is bound to the customer "
                    "(bind: {phone: contact.phone}); say effect: false if they only read",
                )


def _members(config: AgentConfig, problems: _Problems) -> None:
    """Members of objects that are called as what is bound: nothing but the model sets them."""
    from actions.python.action import open_function

    for number, entry in enumerate(config.actions):
        declared = entry.parameters if isinstance(entry, DeclaredAction | PythonAction) else {}
        if isinstance(entry, PythonAction) and any(one.bound for one in declared.values()):
            with suppress(FunctionError):  # told as an error
                declared = open_function(entry, config.folder, Redactor()).declared
        for path in left_to_the_model(declared):
            problems.add(
                ("actions", number),
                f"{path} of {entry.label} is the model's to set, though a parameter of that name is bound to the customer; make "
                "the members parameters of their own, or leave it out",
            )


def _workers(config: AgentConfig, problems: _Problems) -> None:
    if config.workers and config.storage_url.startswith("sqlite"):
        problems.add(
            ("workers",),
            "several workers need PostgreSQL, found SQLite; set storage: postgresql://…, or workers: false",
        )


def _chroma(config: AgentConfig, problems: _Problems) -> None:
    if config.workers and config.knowledge.sources and config.knowledge.chroma.url is None:
        problems.add(
            ("workers",),
            "the embedded Chroma belongs to one process of a machine, the others search by keywords only; "
            "set knowledge.chroma.url to a Chroma server",
        )


def _model(config: AgentConfig, problems: _Problems) -> None:
    model = config.model
    for number, fallback in enumerate(model.fallbacks):
        path = ("model", "fallbacks", number)
        name = fallback if isinstance(fallback, str) else fallback.name
        if name == model.name and (isinstance(fallback, str) or fallback.base_url is None):
            problems.add(path, f"{name} is the model itself; it does not help when that fails")
        elif name != OFFLINE and name.lower() != OFFLINE and nearest(name, [OFFLINE]):
            problems.add(path, f"{name!r} is asked of the server by that name; did you mean {OFFLINE}?")
        if name == OFFLINE and number < len(model.fallbacks) - 1:
            problems.add(path, f"{OFFLINE} always answers; the fallbacks after it are never asked")
    if "usd_per_day" in config.limits.model_fields_set and model.unpriced:
        problems.add(
            ("limits", "usd_per_day"),
            f"does not count {', '.join(model.unpriced)}, whose price is not known; add it to the model, in US dollars per million "
            "tokens, e.g. price: {input: 0.25, output: 2}",
        )
    if model.timeout.total_seconds() > config.limits.seconds:
        problems.add(
            ("model", "timeout"),
            f"a model call may take longer than limits.seconds ({config.limits.seconds:g}) leaves to the turn",
        )


PUBLIC_KEYS = frozenset(
    "sandbox-secret sandbox secret changeme change-me test password token demo-secret woo-webhook-secret whsec_demo_secret "
    "razorpay_demo_secret your-secret your_secret your-token your_token webhook-secret webhook_secret api-token api_token my-secret "
    "secret123 password123 12345678 123456789 1234567890 qwertyui".split()
)
"""Keys that stand in documentation and samples, or are tried first: whoever has read them can sign with them."""


def _is_public(key: str) -> bool:
    return key.strip().strip("<>").casefold() in PUBLIC_KEYS


def _public_keys(config: AgentConfig, problems: _Problems) -> None:
    """Name keys that strangers know, at every door that a key opens."""
    for place, entry in _entries(config):
        if entry.effective_platform != "sandbox" and any(_is_public(key.decode()) for key in entry.signing_keys):
            problems.add(
                (*place, "webhook_secret"),
                f"this key is public, so anybody could sign webhooks of {entry.effective_platform}; set the signing key that the "
                "platform shows",
            )
    if any(entry.effective_platform != "sandbox" for _, entry in _entries(config)):
        for number, workflow in enumerate(config.workflows):
            if workflow.token is not None and _is_public(workflow.token.get_secret_value()):
                problems.add(
                    ("workflows", number, "token"),
                    "this token is public, so anybody could call this hook; set one of your own",
                )
    addresses = (f"http://{config.server.host}", config.server.public_url or "")
    if not all(is_local(address) for address in addresses if address):
        tokens = [
            (("server", "tokens", number, "token"), each.token) for number, each in enumerate(config.server.tokens)
        ]
        for path, token in [(("server", "api_token"), config.server.api_token), *tokens]:
            if token is not None and _is_public(token.get_secret_value()):
                problems.add(path, "this token is public; set one of your own")


def _entries(config: AgentConfig) -> Iterator[tuple[Path, MessagingSettings]]:
    """The entries of `messaging` with their paths."""
    if isinstance(config.messaging, MessagingSettings):
        yield ("messaging",), config.messaging
    else:
        yield from ((("messaging", number), entry) for number, entry in enumerate(config.messaging))


def _platforms(config: AgentConfig, problems: _Problems) -> None:
    """What each entry lacks, and names that two of them share."""
    taken: set[str] = set()
    for path, entry in _entries(config):
        name, platform = entry.effective_name, entry.effective_platform
        if name in taken:
            problems.add(
                (*path, "name") if entry.name else path,
                f"two entries are called {name!r}, so their webhooks and contacts cannot be told apart; give each a `name`",
            )
        taken.add(name)
        if platform in BASE_URLS and entry.effective_base_url is None:
            problems.add(
                path, f"{platform} needs `base_url`: every customer has a host of their own, shown in its dashboard"
            )
        if platform in WHERE_THE_ACCOUNT_IS and not (entry.account or "").strip():
            problems.add(path, f"{platform} needs `account`, {WHERE_THE_ACCOUNT_IS[platform]}")


@dataclass(frozen=True, slots=True)
class _Need:
    """A key that only works where the platform can do something."""

    path: Path
    what: str
    met: Callable[[Capabilities], bool]


def _needs(config: AgentConfig) -> Iterator[_Need]:
    if config.conversation.handover.assign_to is not None:
        yield _Need(("conversation", "handover", "assign_to"), "assignment", lambda can: can.assignment)
    for number, action in enumerate(config.actions):
        if isinstance(action, LifecycleAction):
            yield _Need(("actions", number, "builtin"), "lifecycle stages", lambda can: can.lifecycle)
        elif isinstance(action, CreateContactAction):
            yield _Need(("actions", number, "builtin"), "way to create contacts", lambda can: bool(can.finds))
        elif isinstance(action, CloseConversationAction):
            yield _Need(("actions", number, "builtin"), "conversations to close", lambda can: can.conversations)


def _without(config: AgentConfig, need: _Need) -> list[str]:
    """The entries that cannot do what is needed."""
    return [entry.effective_name for entry in config.platforms if not need.met(capabilities_of(entry))]


def _impossible(config: AgentConfig, problems: _Problems) -> None:
    for need in _needs(config):
        without = _without(config, need)
        if len(without) == len(config.platforms):
            problems.add(need.path, f"{' and '.join(without)} has no {need.what}; remove this key")


def _partly_impossible(config: AgentConfig, problems: _Problems) -> None:
    for need in _needs(config):
        without = _without(config, need)
        if 0 < len(without) < len(config.platforms):
            problems.add(need.path, f"has no effect on {', '.join(without)}: no {need.what} there")
    if not any(capabilities_of(entry).finds for entry in config.platforms):
        for number, flow in enumerate(config.workflows):
            if flow.audience is not None and flow.audience.csv is not None:
                problems.add(
                    ("workflows", number, "for"),
                    "reaches only those of the file who have written: no configured platform finds contacts by number",
                )
    templated: list[Path] = [
        ("followups", "rules", number, "template")
        for number, rule in enumerate(config.followups.rules)
        if rule.template is not None
    ]
    if config.followups.reminder_template is not None:
        templated.append(("followups", "reminder_template"))
    if not any(capabilities_of(entry).templates for entry in config.platforms):
        for path in templated:
            problems.add(path, "is never sent: no configured platform has templates")


def _messaging(config: AgentConfig, problems: _Problems) -> None:
    for place, entry in _entries(config):
        platform = entry.effective_platform
        if platform == "sandbox":
            continue
        if entry.webhook_secret is None:
            problems.add(
                place, f"without webhook_secret every webhook of {platform} is refused; copy it from the platform"
            )
        elif entry.accepts_unsigned:
            problems.add((*place, "webhook_secret"), "webhooks are accepted without a signature; anybody can send them")
        if platform == "whatsapp" and entry.verify_token is None:
            problems.add(place, "without verify_token Meta cannot set up the webhook; it is a word of your own choice")
        _own_keys(place, entry, problems)
        public = config.server.public_url
        fetched = capabilities_of(entry).media == "link"
        if fetched and config.payments.qris is not None and (public is None or is_local(public)):
            path: Path = ("server", "public_url") if public else ("payments", "qris")
            problems.add(
                path,
                f"{platform} must be able to fetch the QR images; set server.public_url to an address that the internet reaches",
            )


_OWN_KEYS = {
    "login": "aisoule",
    "dialect": "aisoule",
    "verify_token": "whatsapp",
    "comments": "zernio",
    "stale_after": "unipile",
    "signature_encoding": "aelyst",
}
"""Keys that only one platform knows."""


def _own_keys(place: Path, entry: MessagingSettings, problems: _Problems) -> None:
    for key, platform in _OWN_KEYS.items():
        if key in entry.model_fields_set and entry.platform in BASE_URLS and entry.platform != platform:
            problems.add((*place, key), f"is for {platform} only, and does nothing for {entry.platform}")


def is_local(url: str) -> bool:
    """Whether an address leads to this machine or its own network's names only."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".local")


def _knowledge(config: AgentConfig, problems: _Problems) -> None:
    for finding in (*inspect(config.knowledge, config.folder), *unread_neighbours(config.knowledge, config.folder)):
        path: Path = ("knowledge", "sources", finding.source)
        problems.add((*path, "path") if (*path, "path") in problems.document.marks else path, finding.message)


def _voice(config: AgentConfig, problems: _Problems) -> None:
    if not isinstance(config.voice.model, str) or config.voice.model == NONE:
        return
    try:
        find_model(config.voice, config.folder)
    except VoiceError as error:
        problems.add(("voice", "model"), str(error).removeprefix("voice.model: "))
