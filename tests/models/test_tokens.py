"""Tokens are counted without a download: exactly where tiktoken's file is there, upwards by estimate where it is not."""

import hashlib
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from agent.models import tokens
from agent.models.tokens import counter, estimate, is_cached, of_message, of_tools

# Tokens of o200k_base and cl100k_base, counted once with the real encodings; the larger of the two.
COUNTED = {
    "kak mau tanya dong, pesanan gw yg kemaren blm nyampe2 ya?? udh brp hari nih, tlg dicekin dong wkwk ": 36,
    "MOHON DICEK PESANAN SAYA BELUM SAMPAI ": 17,
    "您好，我想查询一下我的订单状态，谢谢。": 18,
    "مرحبا أريد الاستفسار عن طلبي": 22,
    "नमस्ते मुझे अपने ऑर्डर के बारे में पूछना है": 42,
    "สวัสดีครับ ผมอยากถามเรื่องคำสั่งซื้อ": 35,
    "😀🙏🏽👍🔥❤️👨‍👩‍👧": 30,
    "Здравствуйте, я хотел бы узнать о заказе ": 19,
    '{"order_id": "#W5432109", "item_ids": ["9876543210", "1234567890"], "status": "delivered"}': 37,
}


@pytest.mark.parametrize(("text", "real"), COUNTED.items())
def test_the_estimate_errs_upwards(text: str, real: int) -> None:
    assert real <= estimate(text * 20) / 20 <= 7 * real


@given(st.text())
def test_no_estimate_is_above_the_bytes_of_a_text(text: str) -> None:
    assert estimate(text) <= len(text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("nothing is downloaded")

    monkeypatch.setattr("requests.get", fetch)
    monkeypatch.setattr("requests.Session.request", fetch)


@pytest.mark.usefixtures("without_network")
@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-5-mini", "qwen2.5:7b", "offline"])
def test_without_the_file_it_is_estimated(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert counter(model)("pesanan saya") == estimate("pesanan saya")


@pytest.mark.usefixtures("without_network")
def test_a_damaged_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    address = b"https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(address, usedforsecurity=False).hexdigest()).write_bytes(b"half")
    assert not is_cached("o200k_base")
    assert counter("gpt-4o")("halo") == estimate("halo")


@pytest.mark.usefixtures("without_network")
def test_with_the_file_tiktoken_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a small encoding"
    address = b"https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(address, usedforsecurity=False).hexdigest()).write_bytes(content)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(tokens._ENCODINGS, "o200k_base", hashlib.sha256(content).hexdigest())
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ha": 256, b"lo": 257, b"halo": 258}
    small = tiktoken.Encoding("o200k_base", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={})
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "o200k_base", small)
    assert counter("gpt-4o")("halo halo!") == 4


def test_calls_pictures_and_tools_count_too() -> None:
    call = AIMessage("", tool_calls=[{"name": "get_order", "args": {"id": "KS-1"}, "id": "1"}])
    assert of_message(call, len) > len("get_order") + len("KS-1")
    picture = HumanMessage("ini", additional_kwargs={tokens.PICTURES: ["a.jpg"]})
    assert of_message(picture, len) == len("ini") + tokens.PER_MESSAGE + tokens.PICTURE
    assert of_tools([], len) == 0
    assert of_tools([{"name": "x"}], len) == len('[{"name": "x"}]')
