from datetime import timedelta

import httpx
from hypothesis import given
from hypothesis import strategies as st

from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.faults import RateLimiter
from settings import Rate


async def test_the_sixth_request_of_a_second_is_told_to_wait() -> None:
    slow = Rate(5, timedelta(minutes=5))
    async with (
        RunningSandbox(SandboxOptions(port=0, rate=slow)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.api_url, headers={"Authorization": "Bearer sandbox"}) as api,
    ):
        answers = [await api.get("/contact/id:1") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"5"}
        assert answers[5].json() == {"code": 429, "message": "Too Many Requests"}
        assert 1 <= int(answers[5].headers["Retry-After"]) <= 300
        assert "Retry-After" not in answers[4].headers
        assert (await api.get("/contact/id:2")).status_code == 200, "another path has its own budget"
        assert (await api.put("/contact/id:1", json={})).status_code == 200, "another method has its own budget"
        assert (await api.get("/contact/id:9")).headers["X-RateLimit-Remaining"] == "4", "errors carry the headers too"
        unknown = await api.get("/contact/id:1", headers={"Authorization": "Bearer wrong"})
        assert unknown.status_code == 401, "the token is looked at before the budget"


@given(st.lists(st.floats(0, 0.6), min_size=1, max_size=60), st.integers(1, 6))
def test_no_second_ever_holds_more_than_the_rate(waits: list[float], count: int) -> None:
    now = 1000.0
    limiter = RateLimiter(Rate(count, timedelta(seconds=1)), lambda: now)
    passed: list[float] = []
    for wait in waits:
        now += wait
        verdict = limiter.ask("GET", "/x")
        if verdict.retry_after == 0:
            passed.append(now)
        else:
            assert verdict.remaining == 0
            now += verdict.retry_after + 1e-6
            assert limiter.ask("GET", "/x").retry_after == 0, "who waits as told may pass"
            passed.append(now)
    assert all(sum(1 for other in passed if start <= other < start + 0.999) <= count for start in passed)
