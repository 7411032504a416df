"""The outside world of a scenario, in this process: a platform with faults, APIs with canned answers, no network, a clock that is moved."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from actions.action import EMPTY, Action, Context, Json, Outcome, SendPayment, WrappedAction
from actions.http.response import shown
from actions.redaction import Redactor
from agent.config import AgentConfig
from agent.scenarios.format import Answer, Answers, PlatformFault
from agent.turn.files import Content, Reads
from agent.workflows.sender import EVENT_ID
from messaging.types import Attachment
from voice import Stats, Transcriber, Transcript, Unavailable
from voice.errors import Unreadable

FILES = "https://files.invalid/"
"""Where the files that a scenario's customer sends seem to lie."""


class NoNetwork(httpx.ConnectError):
    """Something asked for the network, which a scenario has only when it is run live."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that another system has accepted."""

    url: str
    body: Any


class Receivers:
    """The systems that workflows and `webhooks:` post to: no request leaves; each is accepted, or fails as the scenario says."""

    def __init__(self) -> None:
        self._faults: deque[PlatformFault] = deque()
        self.posted: list[Posted] = []

    def fail(self, fault: PlatformFault) -> None:
        """Let the next requests fail, after those that are to fail already."""
        self._faults.extend([fault] * fault.times)

    def take(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. A fault is used up by each attempt.

        Raises:
            httpx.ReadTimeout: the scenario wants the answer to be lost.
        """
        fault = self._faults.popleft().fail if self._faults else None
        if isinstance(fault, int):
            return httpx.Response(fault)
        if fault != "timeout":
            self.posted.append(Posted(str(request.url), json.loads(request.content)))
        if fault is not None:
            raise httpx.ReadTimeout("no answer, as the scenario says", request=request)
        return httpx.Response(200)


class Files(httpx.AsyncBaseTransport):
    """The network of a scenario: the customer's files, the answers of the action that runs, and nothing else."""

    def __init__(self, beyond: httpx.AsyncClient | None = None) -> None:
        """Serve files.

        Args:
            beyond: takes every other request, of an action that is called for real; `None`: they are refused.
        """
        self._files: dict[str, tuple[bytes, str]] = {}
        self._beyond = beyond
        self.receivers = Receivers()
        self.refused: list[str] = []

    def add(self, name: str, content: bytes, kind: str) -> str:
        """Offer a file; its address."""
        path = f"{len(self._files) + 1}/{name}"
        self._files[path] = content, kind
        return FILES + httpx.URL(path).raw_path.decode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request: to a receiver, for a file of the scenario, or, with `--live`, from the network.

        Raises:
            NoNetwork: it is for another host, and the scenario has no network.
            httpx.ReadTimeout: see `Receivers.take`.
        """
        if EVENT_ID in request.headers:
            return self.receivers.take(request)
        answer = _answering.get()
        if answer is not None:
            return answer(request)
        path = urlsplit(str(request.url)).path.lstrip("/")
        if request.url.host == urlsplit(FILES).hostname:
            for name, (content, kind) in self._files.items():
                if httpx.URL(name).raw_path.decode() == path or name == path:
                    return httpx.Response(200, stream=httpx.ByteStream(content), headers={"content-type": kind})
            return httpx.Response(404)
        if self._beyond is not None:
            return await self._beyond.send(request, stream=True)
        self.refused.append(f"{request.method} {request.url.copy_with(query=None)}")
        raise NoNetwork(f"a scenario has no network, so {request.url.host} is not asked; --live allows it")


_answering: ContextVar[Callable[[httpx.Request], httpx.Response] | None] = ContextVar("answering", default=None)


def gateway_transport(config: AgentConfig, refuse: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
    """Play the payment gateway of agent.yaml, where it is one that the simulator knows; other requests go to `refuse`."""
    from pydantic import SecretStr

    from actions.qris.simulator import simulator
    from actions.qris.simulator.charges import GATEWAYS, Keys

    qris = config.payments.qris
    gateway = qris.gateway if qris is not None else None
    if gateway is None or gateway.name not in GATEWAYS:
        return refuse
    given: dict[str, Any] = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in dict(gateway).items()
    }
    keys = {
        "midtrans": {"midtrans": given.get("server_key")},
        "xendit": {"xendit": given.get("secret_key"), "xendit_token": given.get("callback_token")},
        "duitku": {"duitku_merchant": given.get("merchant_code"), "duitku": given.get("api_key")},
        "doku": {"doku_client": given.get("client_id"), "doku": given.get("secret_key")},
    }[gateway.name]
    client = httpx.AsyncClient(transport=refuse)
    return _Simulated(
        httpx.ASGITransport(
            simulator(
                "http://agent.invalid",
                client,
                Keys(**{name: value for name, value in keys.items() if isinstance(value, str)}),
            )
        ),
        httpx.URL(given["base_url"]),
        gateway.name,
        refuse,
    )


class _Simulated(httpx.AsyncBaseTransport):
    def __init__(
        self, inside: httpx.AsyncBaseTransport, base: httpx.URL, name: str, refuse: httpx.AsyncBaseTransport
    ) -> None:
        self._inside, self._base, self._name, self._refuse = inside, base, name, refuse

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != self._base.host:
            return await self._refuse.handle_async_request(request)
        path = request.url.raw_path.removeprefix(self._base.raw_path.rstrip(b"/"))
        request.url = request.url.copy_with(raw_path=f"/{self._name}".encode() + path)
        return await self._inside.handle_async_request(request)


@dataclass(frozen=True, slots=True)
class Call:
    """An action that ran: `arguments` with the values that the runtime bound, without secrets."""

    name: str
    arguments: Mapping[str, Any]
    status: str
    content: str


@dataclass
class Ledgered:
    """What ran in a conversation: calls in order, and what is wrong with the scenario itself.

    `offered` are the names of the actions. `volatile` maps what differs from run to run, such as references of payments, to a name.
    """

    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    volatile: dict[str, str] = field(default_factory=dict)
    offered: tuple[str, ...] = ()


class Stubbed(Mapping[str, Action]):
    """The actions of agent.yaml with the answers of the scenario."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        answers: Mapping[str, Answers] | str,
        ledgered: Ledgered,
        redactor: Redactor,
    ) -> None:
        self._actions = actions
        self._answers = answers
        self._ledgered = ledgered
        self._redactor = redactor
        self._used: dict[int, int] = {}
        ledgered.offered = tuple(actions)

    def __getitem__(self, name: str) -> Action:
        action = self._actions[name]
        if action.builtin is not None and not isinstance(self._answers, str):
            given = self._answers.get(name, ())
            if given == "live" or all(answer.outcome is not None for answer in given if isinstance(answer, Answer)):
                return _Noted(action, self._ledgered)  # it asks the runtime only, which is this conversation's own
        if isinstance(self._answers, str) or (action.builtin is not None and name not in self._answers):
            return _Noted(action, self._ledgered)
        answers = self._answers.get(name)
        if answers == "live":
            return _Noted(action, self._ledgered)
        return _Canned(action, self._ledgered, answers or (), self._used, self._redactor)

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)


class _Noted(WrappedAction):
    """An action whose calls are noted."""

    def __init__(self, action: Action, ledgered: Ledgered) -> None:
        super().__init__(action)
        self._ledgered = ledgered

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        outcome = await self._really(arguments, context)
        if outcome.status not in ("refused", "confirm"):
            visible = {**arguments, **self._action.visible(arguments, context)}
            self._ledgered.calls.append(Call(self.name, visible, outcome.status, outcome.content))
        for request in outcome.requests:
            if isinstance(request, SendPayment):
                self._ledgered.volatile.setdefault(request.reference, f"payment-{len(self._ledgered.volatile) + 1}")
        return outcome

    async def _really(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return await self._action.run(arguments, context)


class _Canned(_Noted):
    """An action that answers what the scenario says, and is never really called."""

    def __init__(
        self,
        action: Action,
        ledgered: Ledgered,
        answers: Sequence[Answer],
        used: dict[int, int],
        redactor: Redactor,
    ) -> None:
        super().__init__(action, ledgered)
        self._answers = answers
        self._used = used
        self._redactor = redactor

    async def _really(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        """Run the action against its canned answer: an HTTP action as over the network, with its retries, any other in its place."""
        from actions.http.action import HttpAction

        refusal = await self._action.check(arguments, context)
        if refusal is not None:
            return refusal
        visible = {**arguments, **self._action.visible(arguments, context)}
        given = self._fitting(visible)
        if given is not None and given.outcome is not None:
            self._answer(visible)
            outcome, data = given.outcome, self._redactor(given.outcome.data)
            return Outcome(outcome.status, outcome.content if outcome.content is not None else shown(data), data)
        if isinstance(self._action, HttpAction):
            token = _answering.set(lambda request: self._response(visible, request))
            try:
                return await self._action.run(arguments, context)
            finally:
                _answering.reset(token)
        answer = self._answer(visible)
        if answer is None:
            return Outcome("failed", "It was not done: the scenario does not say what it answers.")
        if answer.fail == "timeout" and self.effect:
            return Outcome("unknown", "The request was sent, but no answer came: nobody knows whether it was done.")
        if answer.fail is not None:
            return Outcome("failed", f"It was not done: {answer.fail}.")
        data = self._redactor(answer.returns)
        return Outcome("done", shown(data) if data not in (None, "") else EMPTY, data)

    def _response(self, visible: Mapping[str, Any], request: httpx.Request) -> httpx.Response:
        if b"grant_type=client_credentials" in request.content:  # its access token; no call of the action
            return httpx.Response(200, json={"access_token": "scenario-token", "expires_in": 3600})
        answer = self._answer(visible)
        if answer is None:
            return httpx.Response(404, json={"error": "the scenario does not say what this call answers"})
        if answer.fail == "timeout":
            raise httpx.ReadTimeout("no answer, as the scenario says", request=request)
        if answer.fail is not None:
            return httpx.Response(answer.fail, json={"error": f"{answer.fail}, as the scenario says"})
        if isinstance(answer.returns, str):
            return httpx.Response(200, text=answer.returns)
        return httpx.Response(
            200, content=json.dumps(answer.returns).encode(), headers={"content-type": "application/json"}
        )

    def _fitting(self, visible: Mapping[str, Any]) -> Answer | None:
        """The first answer that fits and is not used up."""
        for answer in self._answers:
            used = self._used.get(id(answer), 0)
            if fits(answer.when, visible) and (answer.times is None or used < answer.times):
                return answer
        return None

    def _answer(self, visible: Mapping[str, Any]) -> Answer | None:
        """The answer, which is used now; a call that has none is a fault of the scenario."""
        if (answer := self._fitting(visible)) is not None:
            self._used[id(answer)] = self._used.get(id(answer), 0) + 1
            return answer
        given = ", ".join(f"{name}={value!r}" for name, value in visible.items())
        said = "none of its answers fits" if self._answers else "the scenario does not name it"
        self._ledgered.problems.append(
            f"{self.name}({given}) was not called, because {said}: write under `actions:` what it answers, or `actions: live`"
        )
        return None


def fits(wanted: Any, found: Any) -> bool:
    """Tell whether a value holds what is wanted: of a mapping at least its keys, of a number or text also the other's spelling."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and fits(value, found[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(found, list | tuple) and len(wanted) == len(found) and all(map(fits, wanted, found))
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return wanted is found or wanted == found
    return bool(wanted == found) or str(wanted) == str(found)


class ScenarioFiles:
    """Implements `Reads`: files whose content the recording has, and others with the agent's own reader."""

    def __init__(self) -> None:
        self._known: dict[str, Content] = {}
        self._reader: Reads | None = None

    def over(self, reader: Reads) -> Reads:
        """Read what is not known with another reader."""
        self._reader = reader
        return self

    def learn(self, known: Mapping[str, Content]) -> None:
        """Keep the content of files, by their address."""
        self._known.update(known)

    async def read(self, attachment: Attachment) -> Content:
        """What a file holds."""
        known = self._known.get(attachment.url)
        if known is not None or self._reader is None:
            return known or Content(unread="not_fetched")
        return await self._reader.read(attachment)


class ScenarioTranscriber:
    """Implements `Transcriber`: notes whose words the scenario gives, and others with the configured transcriber."""

    def __init__(self, inner: Transcriber | None, language: str) -> None:
        """Transcribe.

        Args:
            inner: transcribes notes without words; closed by its owner, not here.
            language: code that is assumed where the words do not tell it.
        """
        self._inner = inner
        self._language = language
        self._words: dict[bytes, str] = {}

    def learn(self, audio: bytes, words: str) -> None:
        """Keep the words of a note."""
        self._words[audio] = words

    @property
    def stats(self) -> Stats:
        return Stats() if self._inner is None else self._inner.stats

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        from language.detect import detect

        words = self._words.get(audio)
        if words is not None:
            return Transcript(words, detect(words, self._language), timedelta(seconds=3), (), 1.0)
        if not audio:  # with every transcriber
            raise Unreadable("the recording is empty")
        if self._inner is None:
            raise Unavailable("no speech model is configured; write `text:` beside `voice:`")
        return await self._inner.transcribe(audio, languages)

    async def warm(self) -> None:
        """Nothing is loaded before the first note."""

    async def aclose(self) -> None:
        """The transcriber belongs to the run."""
