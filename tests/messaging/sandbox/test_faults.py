import asyncio
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.faults import RateLimiter
from settings import Rate
from tests.messaging.sandbox.receiver import Receiver

TEXT = {"message": {"type": "text", "text": "hai"}}


@pytest.fixture(autouse=True)
def _spoken(sandbox: RunningSandbox) -> None:
    sandbox.say(1, "halo")


async def test_rate_limited_answers_429_with_retry_after(api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    await control.put("/faults/rate_limited", json={"seconds": 7, "times": 2})
    for _ in range(2):
        answer = await api.get("/contact/id:1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert (await api.get("/contact/id:1")).status_code == 200


async def test_queued_answers_449_where_it_is_documented_and_nowhere_else(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    sandbox.fault("queued")
    for path, body in (
        ("message", TEXT),
        ("tag", ["a"]),
        ("conversation/assignee", {"assignee": 1}),
        ("conversation/status", {"status": "close"}),
    ):
        answer = await api.post(f"/contact/id:1/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (449, 449)
        assert "currently in queue" in answer.json()["message"]
    assert (await api.get("/contact/id:1")).status_code == 200
    assert (await api.put("/contact/id:1", json={})).status_code == 200
    assert sandbox.sent(1) == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_error_answers_with_the_chosen_status(
    api: httpx.AsyncClient, sandbox: RunningSandbox, status: int
) -> None:
    sandbox.fault("server_error", status=status, only="sends")
    answer = await api.post("/contact/id:1/message", json=TEXT)
    assert (answer.status_code, answer.json()["message"]) == (status, "Unexpected error occurred")
    assert (await api.get("/contact/id:1")).status_code == 200
    sandbox.heal()
    assert (await api.post("/contact/id:1/message", json=TEXT)).status_code == 200


async def test_a_slow_request_is_carried_out_before_its_answer_comes(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    sandbox.fault("slow", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await api.post("/contact/id:1/message", json=TEXT, timeout=0.2)
    assert len(sandbox.sent(1)) == 1


async def test_a_late_list_leaves_out_what_was_sent_a_moment_ago(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    sandbox.fault("late_list", seconds=600, times=1)
    sandbox.say(1, "halo")
    number = (await api.post("/contact/id:1/message", json=TEXT)).json()["messageId"]
    first, second = [(await api.get("/contact/id:1/message/list")).json()["items"] for _ in range(2)]
    assert number not in {each["messageId"] for each in first}
    assert [each["messageId"] for each in second] == [number, *(each["messageId"] for each in first)]


@pytest.mark.parametrize(("seconds", "failure"), [(0, httpx.RemoteProtocolError), (30, httpx.ReadTimeout)])
async def test_a_dropped_answer_hides_a_send_that_happened(
    api: httpx.AsyncClient, sandbox: RunningSandbox, seconds: float, failure: type[Exception]
) -> None:
    sandbox.fault("drop_answer", seconds=seconds, times=1)
    with pytest.raises(failure):
        await api.post("/contact/id:1/message", json=TEXT, timeout=0.3)
    assert [message.content["text"] for message in sandbox.sent(1)] == ["hai"]
    assert (await api.get("/contact/id:1/message/list")).json()["items"][0]["message"]["text"] == "hai"


async def test_a_dropped_answer_does_not_hide_a_refusal(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    sandbox.fault("drop_answer")
    assert (await api.post("/contact/id:1/message", json={})).status_code == 400


async def test_a_duplicate_has_the_same_bytes_at_the_same_instant(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.send_webhooks_to(receiver.url, "s", ("message.received",))
    receiver.delay = 1
    sandbox.fault("duplicate_webhooks", times=1)
    sandbox.say(1, "sekali", "biasa")
    await receiver.wait_until(2)
    assert receiver.answered == 0, "the second copy came before the first was answered"
    await receiver.wait_until(3)
    first, second, third = (raw for _, raw in receiver.taken)
    assert first == second != third


async def test_reordered_webhooks_arrive_backwards(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.send_webhooks_to(receiver.url, "s", ("message.received",))
    sandbox.fault("reorder_webhooks", seconds=0.05)
    sandbox.say(1, "satu", "dua", "tiga")
    received = await receiver.wait_for("message.received", 3)
    assert [body["message"]["message"]["text"] for body in received] == ["tiga", "dua", "satu"]


async def test_held_webhooks_go_out_when_the_hold_ends(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.send_webhooks_to(receiver.url, "s", ("message.received",))
    sandbox.fault("hold_webhooks")
    sandbox.say(1, "satu", "dua")
    await asyncio.sleep(0.05)
    assert receiver.taken == []
    sandbox.heal()
    received = await receiver.wait_for("message.received", 2)
    assert [body["message"]["message"]["text"] for body in received] == ["satu", "dua"]


async def test_faults_are_listed_and_switched_off(control: httpx.AsyncClient) -> None:
    listed = (await control.put("/faults/slow", json={"seconds": 0.5})).json()
    assert listed == {"slow": {"seconds": 0.5, "only": "all", "times": None, "status": 500}}
    await control.put("/faults/queued")
    assert set((await control.delete("/faults/slow")).json()) == {"queued"}
    await control.delete("/faults")
    assert (await control.get("/faults")).json() == {}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("gremlins", {}, "gremlins"),
        ("slow", {"seconds": -1}, "seconds"),
        ("slow", {"seconds": "lama"}, "seconds"),
        ("slow", {"times": 0}, "times"),
        ("server_error", {"status": 418}, "status"),
        ("slow", {"only": "some"}, "only"),
    ],
)
async def test_a_wrong_fault_is_refused(control: httpx.AsyncClient, name: str, body: object, said: str) -> None:
    answer = await control.put(f"/faults/{name}", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


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
