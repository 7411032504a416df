import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from agent.cli.frame import run as balas
from agent.models.judge import RAW_CALLS
from agent.scenarios.cassette import Asked, Call, Cassette, pack_answer, read, read_answer, write
from tests.acceptance.stub_model import Asked as Question
from tests.acceptance.stub_model import StubModel, stub_model
from tests.scenarios.test_format import CONTRACT
from tests.scenarios.test_run import run

Write = Callable[..., Path]


@contextmanager
def serving(answer: Callable[[Question], object]) -> Iterator[StubModel]:
    """A model's server in a thread of its own, since a command runs an event loop of its own."""
    ready, stop = threading.Event(), threading.Event()
    found: list[StubModel] = []

    async def work() -> None:
        async with stub_model() as model:
            model.answer = answer  # type: ignore[assignment]
            found.append(model)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join(60)


def with_model(shop: Path, url: str, **more: str) -> Path:
    """Lets the shop's agent ask a server."""
    agent = shop / "agent.yaml"
    text = agent.read_text()
    for old, new in {"model: {name: offline}": f"model: {{name: stub, base_url: '{url}'}}", **more}.items():
        assert old in text
        text = text.replace(old, new)
    agent.write_text(text)
    return agent


TELEPHONE = {"asisten Kopi Senja.": "asisten Kopi Senja. Telepon 0812-9999-8888, surel toko@melati.co.id."}


def melati(asked: Question) -> object:
    """A model that knows the example of the contract."""
    if "You judge" in asked.system:
        return "It is short.\nPASS: it is short and kind"
    if asked.results:
        return f"Pesanan KS-10234 sudah dikirim dengan JNE ya Kak, hubungi 0812-9999-8888. {'' if 'JNE' in asked.results[-1] else 'Salah'}"
    if "bayar" in asked.question:
        return {"call": "send_qris", "arguments": {"amount": 50000}}
    if "KS-10234" in asked.question:
        return {"call": "get_order", "arguments": {"order_id": "KS-10234"}}
    return "Kopi Susu Senja 25000 ya Kak."


def test_the_example_of_the_contract_is_recorded_and_played_without_its_model(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(CONTRACT)
    with serving(melati) as model:
        with_model(shop, model.url, **TELEPHONE)
        code, out = run(shop, capsys, "--record")
        assert code == 0, out
    code, out = run(shop, capsys)
    assert code == 0, out
    kept = path.with_name("order_status.cassette.yaml").read_text()
    assert "very-secret-token" not in kept
    assert "0812-9999-8888" not in kept
    assert "- get_order:\n        order_id: KS-10234" in kept
    assert "\\n" not in kept.partition("prompts:")[2].partition("tools:")[0]  # a prompt is read line by line in a diff


def test_a_changed_prompt_is_said_with_what_changed_and_only_that_is_recorded_again(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "now: 2026-11-30T10:00:00\nturns:\n  - {customer: halo kak, expect: [{reply: Kopi}]}\n"
    scenario(text, "first")
    second = scenario(text + "  - {customer: harga kopi susu senja?, expect: [{reply: Kopi}]}\n", "second")
    with serving(melati) as model:
        agent = with_model(shop, model.url)
        assert run(shop, capsys, "--record")[0] == 0
        asked = len(model.asked)
        assert run(shop, capsys, "--record")[0] == 0
        assert len(model.asked) == asked
        second.write_text(second.read_text().replace("harga kopi susu senja?", "harga kopi susu?"))
        code, out = run(shop, capsys)
        assert (code, len(model.asked)) == (1, asked)
        assert "the prompt changed: re-record (--record), or --live" in out
        assert "+harga kopi susu?" in out.replace("    +", "+")
        code, out = run(shop, capsys, "--record")
        assert code == 0, out
        assert len(model.asked) == asked + 1
        agent.write_text(agent.read_text().replace("asisten Kopi Senja.", "asisten Kopi Pagi."))
        code, out = run(shop, capsys)
        assert code == 1
        assert "+Kamu Melati, asisten Kopi Pagi." in out.replace("    +", "+")
    assert "harga kopi susu senja" not in second.with_name("second.cassette.yaml").read_text()


def test_without_a_recording_no_model_is_asked(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = scenario("turns:\n  - {customer: halo, expect: [{replies: 1}]}\n")
    with serving(melati) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys)
        assert (code, len(model.asked)) == (1, 0)
        assert "there is no recording" in out
        assert run(shop, capsys, "--live")[0] == 0
        assert model.asked
    assert not path.with_name("order_status.cassette.yaml").exists()


def test_the_cost_is_shown_before_a_live_run(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    scenario("turns:\n  - {customer: halo, expect: [{replies: 1}]}\n")
    with serving(melati) as model:
        price = "price: {input: 1, output: 2}}"
        with_model(shop, f"{model.url}', {price} #")
        assert balas(["test", "-c", str(shop / "agent.yaml"), "--live"]) == 0
    assert "about 2 calls of stub, 5240 tokens: about $0.0055" in capsys.readouterr().err


LIVE = "model: live\nturns:\n  - {customer: halo, expect: [{replies: 1}]}\n"


def test_the_cost_is_shown_of_a_scenario_that_is_live_by_itself(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(LIVE, "live")
    scenario("model: offline\nturns:\n  - {customer: halo, expect: [{replies: 1}]}\n", "offline")
    with serving(melati) as model:
        with_model(shop, model.url)
        assert balas(["test", "-c", str(shop / "agent.yaml")]) == 0
        assert model.asked
    assert "about 2 calls of stub, 5240 tokens: its price is not known" in capsys.readouterr().err


def test_recording_says_how_many_calls_it_makes_at_most_and_playing_says_nothing(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None]
) -> None:
    turns = "".join(f"  - {{customer: cerita {number}, expect: [{{replies: 1}}]}}\n" for number in range(3))
    scenario("now: 2026-11-30T10:00:00\nturns:\n" + turns)
    words = ["test", "-c", str(shop / "agent.yaml")]
    with serving(melati) as model:
        agent = with_model(shop, model.url)
        assert balas([*words, "--record"]) == 0
        assert "about 6 calls of stub" in capsys.readouterr().err
        clear_clients()
        asked = len(model.asked)
        agent.write_text(agent.read_text().replace("asisten Kopi Senja.", "asisten Kopi Pagi."))
        assert balas([*words, "--record"]) == 0
        assert "up to 6 calls of stub" in capsys.readouterr().err
        assert 0 < len(model.asked) - asked <= 6
    clear_clients()
    assert balas(words) == 0
    assert "calls of" not in capsys.readouterr().err


def test_a_cassette_that_cannot_be_read_is_told_where_it_is_played_and_hinders_no_live_run(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario("turns:\n  - {customer: halo, expect: [{replies: 1}]}\n")
    path.with_name("order_status.cassette.yaml").write_text("format: [")
    with serving(melati) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys)
        assert code == 1
        assert "is not a cassette" in out
        assert run(shop, capsys, "--live")[0] == 0


def test_a_judge_gives_its_reasons(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def strict(asked: Question) -> object:
        return "FAIL: far too curt" if "You judge" in asked.system else "Ya."

    scenario("turns:\n  - {customer: halo, expect: {judge: friendly}}\n")
    with serving(strict) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record")
        assert code == 1
        assert "far too curt" in out
    code, out = run(shop, capsys)
    assert code == 1
    assert "far too curt" in out


def test_a_model_plays_the_customer(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def both(asked: Question) -> object:
        if "You play a customer" in asked.system:
            return ["jam berapa buka kak?", "oke makasih", "[END]"][
                sum(m["role"] == "assistant" for m in asked.messages)
            ]
        return "Buka jam 07.00 kak."

    scenario(
        "simulate: {persona: buru-buru, goal: tahu jam buka, turns: 5}\nexpect: [{reply: '07.00'}, {replies: 2}]\n"
    )
    with serving(both) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record")
        assert code == 0, out
    code, out = run(shop, capsys)
    assert code == 0, out


def test_offline_nothing_plays_a_customer_or_judges(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario("simulate: {persona: a, goal: b}\nexpect: [{replies: 1}]\n", "played")
    scenario("turns:\n  - {customer: halo, expect: {judge: friendly}}\n", "judged")
    code, out = run(shop, capsys)
    assert code == 1
    assert "only a language model can play a customer" in out
    assert "only a language model can judge" in out


def test_answers_that_vary_have_a_pass_rate(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["Ya kak.", "Tidak.", "Ya kak.", "Ya kak."] * 3)
    scenario("runs: 4\nmin_pass_rate: 0.75\nturns:\n  - {customer: halo, expect: [{reply: kak}]}\n")
    with serving(lambda _: next(answers)) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record", "--json")
        assert code == 0, out
        assert json.loads(out)["scenarios"][0]["pass_rate"] == 0.75
    code, out = run(shop, capsys, "--json")
    assert json.loads(out)["scenarios"][0]["pass_rate"] == 0.75
    scenario("runs: 4\nmin_pass_rate: 0.8\nturns:\n  - {customer: halo, expect: [{reply: kak}]}\n")
    assert run(shop, capsys)[0] == 1


def test_two_configurations_stand_side_by_side(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    scenario("turns:\n  - {customer: jam berapa toko buka?, expect: [{reply: '07.00'}]}\n")
    other = (shop / "agent.yaml").read_text().replace(", {path: jam.md}", "")
    (shop / "other.yaml").write_text(other)
    code, out = run(shop, capsys, "--against", str(shop / "other.yaml"))
    assert code == 0
    line = next(line for line in out.splitlines() if "order status" in line and "✗" in line)
    assert line.index("✓") < line.index("✗")
    assert "order_status.yaml:2: turn 1, reply.contains: expected '07.00'" in out, "why the other one fails"


def test_a_cassette_that_is_none_is_an_error(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = scenario("turns:\n  - {customer: halo, expect: [{replies: 1}]}\n")
    path.with_name("order_status.cassette.yaml").write_text("[what]")
    code, out = run(shop, capsys)
    assert code == 1
    assert "is not a cassette" in out


_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=60)


@given(st.lists(st.tuples(_TEXT, _TEXT, _TEXT, st.integers(1, 3)), max_size=4))
def test_a_cassette_reads_back_what_it_wrote(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("cassette") / "a.cassette.yaml"
    kept = Cassette("model", None)
    for system, said, text, number in calls:
        asked = Asked(system.rstrip("\n"), {"tool": "{}"}, "before", said.rstrip("\n"))
        kept.add(Call(asked, pack_answer(AIMessage(text.rstrip("\n"))), number))
    write(path, kept)
    found = read(path).calls
    assert [(call.asked.key, call.run, read_answer(call.answer).text) for call in found] == [
        (call.asked.key, call.run, read_answer(call.answer).text) for call in kept.calls
    ]


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=3), st.booleans())
def test_calls_are_kept_as_the_model_made_them(arguments: dict[str, object], broken: bool) -> None:
    raw = "{not json" if broken else json.dumps(arguments)
    message = AIMessage("", additional_kwargs={RAW_CALLS: [{"id": "x", "name": "order", "arguments": raw}]})
    found = read_answer(pack_answer(message)).additional_kwargs[RAW_CALLS][0]
    assert found["name"] == "order"
    assert found["arguments"] == raw if broken else json.loads(found["arguments"]) == arguments
