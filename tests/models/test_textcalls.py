"""Calls that a model wrote into its text are read as calls; what looks like one and cannot be read is never shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.lenient import Unreadable
from agent.models.textcalls import find_calls, read_arguments, resolve

TOOLS = ("get_order", "cancel_order", "search-products", "listSlots")
ORDER = {"order_id": "KS-10234"}
JSON_CALL = json.dumps({"name": "get_order", "arguments": ORDER})


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{JSON_CALL}\n</tool_call>",
        f"<tool_call>{JSON_CALL}",
        f"<tool_call>[{JSON_CALL}]</tool_call>",
        f"<|tool_call|>[{JSON_CALL}]",
        f"[TOOL_CALLS][{JSON_CALL}]",
        f"[TOOL_CALLS] {JSON_CALL}",
        '[TOOL_CALLS]get_order{"order_id": "KS-10234"}',
        '[TOOL_CALLS]get_order[ARGS]{"order_id": "KS-10234"}',
        '[TOOL_CALLS]get_order[CALL_ID]Xy123[ARGS]{"order_id": "KS-10234"}',
        '<function=get_order>{"order_id": "KS-10234"}</function>',
        "<tool_call>\n<function=get_order>\n<parameter=order_id>\nKS-10234\n</parameter>\n</function>\n</tool_call>",
        '<function_calls>\n<invoke name="get_order">\n<parameter name="order_id">KS-10234</parameter>\n</invoke>\n</function_calls>',
        "<tool_call>get_order\n<arg_key>order_id</arg_key>\n<arg_value>KS-10234</arg_value>\n</tool_call>",
        '<get_order>{"order_id": "KS-10234"}</get_order>',
        f"```json\n{JSON_CALL}\n```",
        f"```\n{JSON_CALL}\n```",
        JSON_CALL,
        '{{"name": "get_order", "arguments": {{"order_id": "KS-10234"}}}}',
        '{{"name": "get_order", "arguments": {"order_id": "KS-10234"}}}',
        '{"name": "get_order", "arguments": {{"order_id": "KS-10234"}}}',
        '{"name": "get_order", "parameters": {"order_id": "KS-10234"}}',
        '{"tool": "get_order", "tool_input": {"order_id": "KS-10234"}}',
        '{"type": "function", "function": {"name": "get_order", "arguments": "{\\"order_id\\": \\"KS-10234\\"}"}}',
        '{"tool_calls": [{"id": "1", "function": {"name": "get_order", "arguments": {"order_id": "KS-10234"}}}]}',
        '{"get_order": {"order_id": "KS-10234"}}',
        "{'name': 'get_order', 'arguments': {'order_id': 'KS-10234'}}",
        '{"name": "get_order", "arguments": {"order_id": "KS-10234",},}',
        '{\\"name\\": \\"get_order\\", \\"arguments\\": {\\"order_id\\": \\"KS-10234\\"}}',
        'get_order(order_id="KS-10234")',
        "[get_order(order_id='KS-10234')]",
        '```tool_code\nprint(get_order(order_id="KS-10234"))\n```',
        'default_api.get_order(order_id="KS-10234")',
        '<|python_tag|>get_order.call(order_id="KS-10234")',
        'Action: get_order\nAction Input: {"order_id": "KS-10234"}',
        '>>>get_order\n{"order_id": "KS-10234"}',
        f"functools[{JSON_CALL}]",
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_order\n```json\n{"order_id": "KS-10234"}\n```'
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_order:0<|tool_call_argument_begin|>"
        '{"order_id": "KS-10234"}<|tool_call_end|><|tool_calls_section_end|>',
        '<|channel|>commentary to=functions.get_order <|constrain|>json<|message|>{"order_id": "KS-10234"}<|call|>',
    ],
)
@pytest.mark.parametrize("around", ["{}", "Baik kak, saya cek dulu ya.\n{}", "{}\nMohon ditunggu sebentar."])
def test_a_call_in_the_text_is_a_call(text: str, around: str) -> None:
    reading = find_calls(around.replace("{}", text), TOOLS)
    assert reading.malformed is None
    assert [(call.name, read_arguments(call.arguments)) for call in reading.calls] == [("get_order", ORDER)]
    assert reading.rest == around.replace("{}", "").strip()


def test_a_last_brace_that_is_missing_changes_nothing() -> None:
    reading = find_calls('{"name": "get_order", "arguments": {"order_id": "KS-10234"}', TOOLS)
    assert [call.arguments for call in reading.calls] == [ORDER]


def test_several_calls_are_read_in_their_order() -> None:
    text = 'Dua hal: {{"name": "get_order", "arguments": {{"order_id": "A"}}}}\ndan get_order(order_id="B")'
    assert [read_arguments(call.arguments) for call in find_calls(text, TOOLS).calls] == [
        {"order_id": "A"},
        {"order_id": "B"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_order", "arguments": {"order_id": "KS-10',
        '{"name": "get_order", "arguments": {"order_id": "KS-10234" "x": 1}}',
        '{"name": "get_order", "arguments": {"amount": 50',
        '{"name": "get_stock", "arguments": {}}',
        '<function=get_stock>{"sku": "1"}</function>',
        "get_order('KS-10234')",
        'get_order(order_id=last_order["id"])',
        'check_stock(item="kopi")',
        '{"order_id": "KS-10234"}',
        '[{"status": "dikirim"}]',
        '```json\n{"status": "dikirim"}\n```',
        "<tool_call>",
        "[TOOL_CALLS]",
        "<tool_response>{}</tool_response> Pesanan dikirim.",
        '<get_order order_id="KS-10234"/>',
        "get_order",
        '{"name": "get_order", "order_id": "KS-10234"}',
        '{"name": "get_order", "arguments": {"order_id": "A", "order_id": "B"}}',
        f"{JSON_CALL}\n<tool_call>and a second that",
        "<tools></tools>",
        "<tools>",
        "<result>KS-10234</result>",
        "Baik Kak.\n<next_step>cek stok</next_step>",
        "<customer_reply>\nHalo Kak",
    ],
)
def test_what_looks_like_a_call_and_cannot_be_read_is_malformed(text: str) -> None:
    reading = find_calls(text, TOOLS)
    assert reading.malformed
    assert not [call for call in reading.calls if call.name not in TOOLS]


@pytest.mark.parametrize(
    "text",
    [
        "Pesanan KS-10234 sudah dikirim.",
        'Contoh: {"nama": "Budi", "umur": 3} ya kak.',
        "Harga (kopi) 10rb, ukuran [besar].",
        'Kirim JSON seperti {"name": "Kopi Susu", "price": 18000} ke kasir.',
        "Gunakan {nama} sebagai pengganti.",
        "1 < 2 dan 3 > 2",
        "Ketik DAFTAR <nama> ke nomor ini.",
        "Kami buka <b>setiap hari</b>.<br>",
        "a) kopi b) teh (dingin)",
        "[Menu lengkap](https://toko.example/menu)",
        "",
    ],
)
def test_prose_that_mentions_data_is_prose(text: str) -> None:
    assert find_calls(text, TOOLS) == find_calls(text, ())
    assert find_calls(text, TOOLS).rest == text
    assert find_calls(text, TOOLS).malformed is None


names = st.sampled_from(TOOLS)
keys = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(keys, values, max_size=4)


def doubled(value: Any) -> str:
    if isinstance(value, dict):
        return "{{" + ", ".join(f"{json.dumps(key)}: {doubled(each)}" for key, each in value.items()) + "}}"
    return json.dumps(value)


WRAPPINGS = [
    lambda name, given: f"<tool_call>\n{json.dumps({'name': name, 'arguments': given})}\n</tool_call>",
    lambda name, given: f"[TOOL_CALLS][{json.dumps({'name': name, 'arguments': given}, ensure_ascii=False)}]",
    lambda name, given: f"```json\n{json.dumps({'name': name, 'parameters': given}, indent=2)}\n```",
    lambda name, given: f"<function={name}>{json.dumps(given)}</function>",
    lambda name, given: json.dumps({"name": f"functions.{name}", "arguments": json.dumps(given)}),
    lambda name, given: json.dumps({"name": name, "arguments": json.dumps(json.dumps(given))}),
    lambda name, given: doubled({"name": name, "arguments": given}),
    lambda name, given: repr({"name": name, "arguments": given}),
    lambda name, given: f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})",
    lambda name, given: json.dumps({"arguments": given, "name": name}),
]
PROSE = ["", "Baik, saya cek.", "Let me look that up:\n", "Sebentar ya kak 🙏"]


@given(names, arguments, st.sampled_from(WRAPPINGS), st.sampled_from(PROSE), st.sampled_from(PROSE))
def test_any_call_in_any_wrapping_is_read_or_is_malformed_and_never_changed(
    name: str, given_arguments: dict[str, Any], wrap: Any, before: str, after: str
) -> None:
    if wrap is WRAPPINGS[8] and not name.isidentifier():
        return
    if wrap is WRAPPINGS[8] and any(
        key in ("in", "is", "if", "as", "or", "not", "and", "for", "def") for key in given_arguments
    ):
        return
    reading = find_calls(f"{before}\n{wrap(name, given_arguments)}\n{after}", TOOLS)
    assert reading.malformed is None
    assert [(call.name, read_arguments(call.arguments)) for call in reading.calls] == [(name, given_arguments)]


@given(names, arguments.filter(bool), st.sampled_from(WRAPPINGS), st.data())
def test_half_a_call_is_never_words_for_the_customer(
    name: str, given_arguments: dict[str, Any], wrap: Any, data: st.DataObject
) -> None:
    whole = wrap(name, given_arguments)
    text = whole[: data.draw(st.integers(max(len(whole) // 2, len(name) + 1), len(whole)))]
    reading = find_calls(text, TOOLS)
    if reading.calls:
        assert [call.name for call in reading.calls] == [name]
        assert read_arguments(reading.calls[0].arguments) == given_arguments
    else:
        assert reading.malformed


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    find_calls(text, TOOLS)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("get_order", "get_order"),
        ("functions.get_order", "get_order"),
        ("functions.get_order:0", "get_order"),
        ("default_api.cancel_order", "cancel_order"),
        ("get-order", "get_order"),
        ("GetOrder", "get_order"),
        ("search_products", "search-products"),
        ("list_slots", "listSlots"),
        ("get_order<|channel|>commentary", "get_order"),
        ("get_orders", None),
        ("", None),
        ("order", None),
    ],
)
def test_a_name_means_the_only_tool_that_it_can_mean(written: str, meant: str | None) -> None:
    assert resolve(written, TOOLS) == meant


def test_a_name_that_may_mean_two_tools_means_none() -> None:
    assert resolve("Get.Order", ("get_order", "getorder")) is None


@pytest.mark.parametrize("value", [None, "", "{}", [], "[]", " ", "null", '""', {}])
def test_no_arguments_are_an_empty_object(value: Any) -> None:
    assert read_arguments(value) == {}


@given(arguments, st.integers(0, 2))
def test_arguments_are_the_same_however_often_they_are_encoded(given_arguments: dict[str, Any], times: int) -> None:
    value: Any = given_arguments
    for _ in range(times):
        value = json.dumps(value)
    assert read_arguments(value) == read_arguments([given_arguments]) == given_arguments


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "KS-10234",
        "[1]",
        [{}, {}],
        5,
        True,
        '{"a": 1',
        '{"a": 1} {"a": 2}',
        '{"a": 1, "a": 2}',
        "{a: 1}",
        '{"a": 12',
    ],
)
def test_arguments_with_more_than_one_reading_are_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        read_arguments(value)
