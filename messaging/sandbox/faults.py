"""Faults: switches that make the platform misbehave; and its rate limit."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from messaging.sandbox.errors import Invalid
from messaging.sandbox.storage import Feed
from settings import Rate

FaultName = Literal[
    "rate_limited",
    "queued",
    "server_error",
    "slow",
    "drop_answer",
    "late_list",
    "duplicate_webhooks",
    "reorder_webhooks",
    "hold_webhooks",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is switched on.

    Attributes:
        seconds: `Retry-After` of rate_limited; the delay of slow; how long drop_answer holds the line before it cuts it; for how long
            late_list leaves a message out of the list; the gap between the two copies of duplicate_webhooks; how long
            reorder_webhooks collects events to turn round.
        only: `sends` touches only the sending of messages.
        times: how many more requests (or events) it affects; `None`: until it is switched off.
        status: what server_error answers: 500, 502, 503 or 504.
    """

    name: FaultName
    seconds: float = 0
    only: Literal["all", "sends"] = "all"
    times: int | None = None
    status: int = 500


DEFAULTS: dict[FaultName, Fault] = {
    "rate_limited": Fault("rate_limited", seconds=1),
    "queued": Fault("queued", only="sends"),
    "server_error": Fault("server_error"),
    "slow": Fault("slow", seconds=3),
    "drop_answer": Fault("drop_answer", only="sends"),
    "late_list": Fault("late_list", seconds=5),
    "duplicate_webhooks": Fault("duplicate_webhooks"),
    "reorder_webhooks": Fault("reorder_webhooks", seconds=0.5),
    "hold_webhooks": Fault("hold_webhooks"),
}


class Faults:
    """Which faults are on. A fault with `times` switches itself off after its last strike."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._on: dict[FaultName, Fault] = {}

    def switch_on(self, name: FaultName, **settings: object) -> Fault:
        """Switch a fault on; `settings` are fields of `Fault` and override its defaults.

        Raises:
            Invalid: there is no such fault or setting, or a value makes no sense.
        """
        if name not in DEFAULTS:
            raise Invalid(f"fault: there is no fault {name!r}; choose one of {', '.join(get_args(FaultName))}")
        try:
            fault = replace(DEFAULTS[name], **settings)  # type: ignore[arg-type]
        except TypeError as error:
            raise Invalid(f"{name}: {error}") from error
        if not 0 <= fault.seconds <= 600:
            raise Invalid(f"seconds: {fault.seconds} is not between 0 and 600")
        if fault.times is not None and fault.times < 1:
            raise Invalid(f"times: {fault.times} is not a positive count; leave it out for 'until switched off'")
        if fault.status not in {500, 502, 503, 504}:
            raise Invalid(f"status: {fault.status} is not one of 500, 502, 503, 504")
        self._on[name] = fault
        self._feed.touch("faults")
        return fault

    def switch_off(self, name: FaultName | None = None) -> None:
        """Switch one fault off, or all of them."""
        if name is None:
            self._on.clear()
        else:
            self._on.pop(name, None)
        self._feed.touch("faults")

    def peek(self, name: FaultName) -> Fault | None:
        """Return the fault when it is on, without counting a strike."""
        return self._on.get(name)

    def strike(self, name: FaultName, *, sending: bool = True) -> Fault | None:
        """Return the fault when it is on and concerns this request, and count one strike.

        Args:
            name: the fault.
            sending: whether the request sends a message.
        """
        fault = self._on.get(name)
        if fault is None or (fault.only == "sends" and not sending):
            return None
        if fault.times is not None:
            if fault.times == 1:
                self.switch_off(name)
            else:
                self._on[name] = replace(fault, times=fault.times - 1)
                self._feed.touch("faults")
        return fault

    def active(self) -> tuple[Fault, ...]:
        """List the faults that are on."""
        return tuple(self._on.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what its headers say. `retry_after` is in seconds, 0 when it may pass."""

    limit: int
    remaining: int
    retry_after: float


class RateLimiter:
    """A sliding window: no span of `rate.per` ever holds more than `rate.count` accepted requests of one key."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._span = rate.per.total_seconds()
        self._now = monotonic
        self._passed: dict[tuple[str, str], deque[float]] = {}

    def ask(self, method: str, path: str) -> Verdict:
        """Count a request, unless it is one too many. Each combination of method and path has its own limit."""
        now = self._now()
        if len(self._passed) > 10_000:
            self._passed = {key: times for key, times in self._passed.items() if times[-1] > now - self._span}
        times = self._passed.setdefault((method, path), deque())
        while times and times[0] <= now - self._span:
            times.popleft()
        if len(times) >= self.rate.count:
            return Verdict(self.rate.count, 0, times[0] + self._span - now)
        times.append(now)
        return Verdict(self.rate.count, self.rate.count - len(times), 0)
