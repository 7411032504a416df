"""A declared action: one HTTP call with its retries, its idempotency key and a cache for safe answers."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import httpx

from actions.action import Context, Json, Outcome
from actions.arguments import Arguments, Values
from actions.errors import GuardError, ResponseTooLarge, WrongContentType
from actions.guard.transport import origin
from actions.http.auth import auth_flow
from actions.http.build import BadValueError, Call, build
from actions.http.response import BACKOFF, CONTENT_TYPES, interpret, worth_retrying
from actions.lookups import LookUps
from actions.redaction import Redactor
from actions.settings import DeclaredAction
from actions.wording import Wording
from settings.backoff import Uniform, requested_wait
from settings.clock import sleep

_CACHED = 500  # outcomes an action keeps; each is at most what a model reads plus the picked data


class Cache:
    """Outcomes by complete request, for `lifetime` each. Bound values are part of the key: contacts share no answer."""

    def __init__(self, lifetime: timedelta, clock: Callable[[], datetime]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[datetime, Outcome]] = OrderedDict()

    def get(self, key: Hashable) -> Outcome | None:
        kept, outcome = self._entries.get(key, (None, None))
        if kept is None or self._clock() - kept >= self._lifetime:
            self._entries.pop(key, None)
            return None
        return outcome

    def put(self, key: Hashable, outcome: Outcome) -> None:
        self._entries[key] = (self._clock(), outcome)
        self._entries.move_to_end(key)
        if len(self._entries) > _CACHED:
            self._entries.popitem(last=False)


IDEMPOTENCY_HEADER = "Idempotency-Key"  # draft-ietf-httpapi-idempotency-key-header


class _Sending:
    """Whether any byte of a request was sent; until then a retry is always safe. `trace` is httpcore's extension."""

    def __init__(self) -> None:
        self.started = False

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.started = True


class HttpAction(Wording):
    """A declared action. Turns share it: it keeps only its cache and its access token.

    Args:
        client: the guarded client of the process.
        redactor: masks secrets in everything that an outcome says.
        timezone: the agent's, in which a customer's "besok jam 9" is meant.
        look_ups: the reading actions, one of which a refusal may name.
        uniform: draws the jitter of the back-off.
    """

    def __init__(
        self,
        settings: DeclaredAction,
        client: httpx.AsyncClient,
        redactor: Redactor,
        clock: Callable[[], datetime],
        timezone: tzinfo = UTC,
        look_ups: LookUps | None = None,
        uniform: Uniform = random.uniform,
    ) -> None:
        super().__init__(settings)
        self._settings = settings
        self._client = client
        self._redactor = redactor
        self._clock = clock
        self._uniform = uniform
        self._arguments = Arguments(settings.parameters, timezone, look_ups)
        self._auth = auth_flow(settings.request.auth, clock)
        self._cache = Cache(settings.response.cache, clock) if settings.response.cache else None
        self._patterned = frozenset(name for name, each in settings.parameters.items() if each.pattern or each.enum)
        url = httpx.URL(settings.request.url.partition("{")[0])
        self._origins = {origin(url)} | ({origin(url.copy_with(scheme="https"))} if url.scheme == "http" else set())

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def description(self) -> str:
        return self._settings.description

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self._arguments.schema

    @property
    def effect(self) -> bool:
        return self._settings.has_effect

    @property
    def reads(self) -> bool:
        return not self.effect

    @property
    def builtin(self) -> str | None:
        return None

    @property
    def idempotent(self) -> bool:
        return self._settings.request.repeatable

    @property
    def identity(self) -> Sequence[str]:
        return self._settings.identifying

    @property
    def per_turn(self) -> int | None:
        return self._settings.per_turn

    @property
    def hints(self) -> Sequence[str]:
        return ()

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        values = self._arguments.take(arguments, context)
        return values.visible if isinstance(values, Values) else arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        prepared = self._prepare(arguments, context)
        return prepared if isinstance(prepared, Outcome) else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        prepared = self._prepare(arguments, context)
        if isinstance(prepared, Outcome):
            return prepared
        call, values = prepared
        key = repr(call)
        if self._cache and (kept := self._cache.get(key)):
            return kept
        outcome = self._redacted(await self._attempts(call, values, context.key))
        if self._cache and outcome.status == "done":
            self._cache.put(key, outcome)
        return outcome

    def _prepare(self, arguments: Mapping[str, Json], context: Context) -> tuple[Call, Values] | Outcome:
        values = self._arguments.take(arguments, context)
        if isinstance(values, Outcome):
            return self._redacted(values)
        try:
            return build(self._settings.request, values.all, self._patterned), values
        except BadValueError as error:
            return Outcome("refused", f"Nothing was called: {error}. Ask the customer for the right value.")

    def _redacted(self, outcome: Outcome) -> Outcome:
        return Outcome(outcome.status, self._redactor.text(outcome.content), self._redactor(outcome.data))

    async def _attempts(self, call: Call, values: Values, key: str) -> Outcome:
        request = self._settings.request
        seconds = request.timeout.total_seconds()
        deadline = asyncio.get_running_loop().time() + seconds
        sending = _Sending()
        headers: Mapping[str, str] = {}
        last = Outcome("failed", "It was not done: the server could not be reached.")
        attempts = request.retries + 1
        for attempt in range(1, attempts + 1):
            if attempt > 1:
                requested = requested_wait(headers, self._clock())
                wait = BACKOFF.wait(attempt - 1, requested, self._uniform).total_seconds()
                if asyncio.get_running_loop().time() + wait >= deadline:
                    return last
                await sleep(wait)
            try:
                async with asyncio.timeout_at(deadline):
                    status, headers, body = await self._send(call, key, sending)
            except (ResponseTooLarge, WrongContentType) as error:
                return self._unread(error)
            except GuardError as error:
                return self._lost(f"It was not done: {error}.", sending)
            except (TimeoutError, httpx.TimeoutException):
                last, headers = self._lost(f"It was not done: no answer within {seconds:g} s.", sending), {}
            except httpx.InvalidURL as error:
                return Outcome("failed", f"It was not done: the address is not valid ({error}).")
            except (httpx.TransportError, httpx.TooManyRedirects, httpx.DecodingError) as error:
                last, headers = self._lost(f"It was not done: {_reason(error)}.", sending), {}
            else:
                last = interpret(
                    self._settings.response,
                    status,
                    headers.get("content-type", ""),
                    body,
                    values.visible,
                    effect=self.effect,
                )
                if not worth_retrying(status, repeatable=request.repeatable):
                    return last
                sending.started = request.repeatable and sending.started  # a 429 was refused before anything was done
                continue
            if sending.started and not request.repeatable:
                return last
        return last

    async def _send(self, call: Call, key: str, sending: _Sending) -> tuple[int, Mapping[str, str], bytes]:
        request = self._client.build_request(
            **call.arguments(),
            timeout=self._settings.request.timeout.total_seconds(),
            extensions={
                "trace": sending.trace,
                "guard": {
                    "origins": self._origins,
                    "max_bytes": int(self._settings.response.limit),
                    "content_types": CONTENT_TYPES,
                    "seconds": self._settings.request.timeout.total_seconds(),
                },
            },
        )
        request.headers.setdefault("Accept", "application/json, */*;q=0.5")
        if not self._settings.request.safe:
            request.headers.setdefault(IDEMPOTENCY_HEADER, key)
        response = await self._client.send(request, auth=self._auth, follow_redirects=True)
        return response.status_code, response.headers, response.content

    def _lost(self, text: str, sending: _Sending) -> Outcome:
        """No answer came. Once an effect was sent, nobody knows whether it happened."""
        if self.effect and sending.started:
            return Outcome("unknown", "The request was sent, but no answer came: nobody knows whether it was done.")
        return Outcome("failed", text)

    def _unread(self, error: GuardError) -> Outcome:
        if self.effect:
            return Outcome("unknown", f"The request was sent, but the answer could not be read: {error}.")
        return Outcome("failed", f"The answer could not be read: {error}.")


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
