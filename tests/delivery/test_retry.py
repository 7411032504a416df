from datetime import timedelta

import pytest

from agent.delivery.retry import Again, GiveUp, decide
from messaging.errors import (
    InQueue,
    Invalid,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unavailable,
)

SECOND = timedelta(seconds=1)


def _decide(error: PlatformError, *, attempts: int = 1, hours: float = 0, lane: str = "message") -> Again | GiveUp:
    return decide(error, attempts=attempts, age=timedelta(hours=hours), lane=lane, uniform=lambda _low, high: high)


@pytest.mark.parametrize("error", [Invalid("no"), NotFound("no")])
def test_what_will_never_succeed_is_given_up_at_once(error: PlatformError) -> None:
    assert isinstance(_decide(error), GiveUp)


@pytest.mark.parametrize(
    ("error", "look_first"),
    [
        (RateLimited("later"), False),
        (InQueue("later"), False),
        (NotSent("no connection"), False),
        (Unavailable("500"), True),
        (OutcomeUnknown("time-out"), True),
    ],
)
def test_only_what_may_have_gone_out_is_looked_up(error: PlatformError, look_first: bool) -> None:
    verdict = _decide(error)
    assert isinstance(verdict, Again)
    assert verdict.look_first == look_first


def test_the_platforms_own_waiting_time_wins() -> None:
    verdict = _decide(RateLimited("later", retry_after=timedelta(seconds=40)), attempts=9)
    assert isinstance(verdict, Again)
    assert timedelta(seconds=40) <= verdict.after <= timedelta(seconds=41)


def test_the_pauses_double_up_to_five_minutes() -> None:
    pauses = [_decide(Unavailable("500"), attempts=n) for n in (1, 2, 3, 10, 50)]
    assert [each.after for each in pauses if isinstance(each, Again)] == [
        SECOND,
        2 * SECOND,
        4 * SECOND,
        timedelta(minutes=5),
        timedelta(minutes=5),
    ]


def test_a_message_is_tried_for_a_day_and_a_note_for_an_hour() -> None:
    error = Unavailable("500")
    assert isinstance(_decide(error, hours=23), Again)
    assert isinstance(_decide(error, hours=25), GiveUp)
    assert isinstance(_decide(error, hours=2, lane="desk"), GiveUp)
    assert isinstance(_decide(error, hours=2, lane="broadcast"), GiveUp)
