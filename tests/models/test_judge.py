"""Every answer of a model is good, is told to the model, or is left to the next model; nothing raw is in a good one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from agent.models.judge import BLOCKS, LARGEST, LONGEST_TEXT, Failed, Good, Repairable, Verdict, judge, visible_text
from agent.models.openai import CALL_ECHO, ECHO, read_message

TOOLS = ("get_order", "cancel_order")


def judged(finish: str = "stop", **message: Any) -> Verdict:
    answer = read_message({"role": "assistant", **message})
    answer.response_metadata = {"finish_reason": finish}
    return judge(answer, TOOLS, "turn/1")


def called(verdict: Verdict) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(verdict, Good), verdict
    return [(call["name"], call["args"]) for call in verdict.message.tool_calls]


def said(verdict: Verdict) -> str:
    assert isinstance(verdict, Good), verdict
    assert not verdict.message.tool_calls
    return verdict.message.text


def native(arguments: Any, name: Any = "get_order", **more: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think>Pelanggan tanya jam buka.</think>\n\nBuka jam 8.", "Buka jam 8."),
        ("Pelanggan tanya jam buka.\n</think>\nBuka jam 8.", "Buka jam 8."),
        ("Buka jam 8.<think>Apakah benar? Saya", "Buka jam 8."),
        ("<thinking>a<thinking>b</thinking>c</thinking>Buka jam 8.", "Buka jam 8."),
        ("<think></think>Buka <reasoning x='1'>hm</reasoning>jam 8.", "Buka jam 8."),
        ("[THINK]hm[/THINK]Buka jam 8.", "Buka jam 8."),
        ("◁think▷hm◁/think▷Buka jam 8.", "Buka jam 8."),
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Buka jam 8.",
            "Buka jam 8.",
        ),
        ("Buka jam 8.<|im_end|>\n<|im_start|>user\nterima kasih", "Buka jam 8."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nBuka jam 8.<|eot_id|>", "Buka jam 8."),
        ("Buka jam 8.</s>", "Buka jam 8."),
        ("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Buka jam 8.<|END_RESPONSE|>", "Buka jam 8."),
        ("<scratch_pad>hm</scratch_pad>Buka jam 8.", "Buka jam 8."),
        ("<inner_monologue>hm</inner_monologue>Buka jam 8.", "Buka jam 8."),
        ("&lt;think&gt;hm&lt;/think&gt;Buka jam 8.", "Buka jam 8."),
        ("assistantanalysisThe user asks.assistantfinalBuka jam 8.", "Buka jam 8."),
        ("Thought: I know it.\nFinal Answer: Buka jam 8.", "Buka jam 8."),
        ("Buka jam 8.\n\nUser: oke\nAssistant: sama-sama", "Buka jam 8."),
        ("Buka jam 8.\nHuman: oke", "Buka jam 8."),
        ("Buka jam 8.\n### Instruction:\nhalo", "Buka jam 8."),
        ("### Response:\nBuka jam 8.", "Buka jam 8."),
        ("Buka jam 8.\n<|user|>\noke", "Buka jam 8."),
        ("Buka jam 8.<｜User｜>oke", "Buka jam 8."),
        ("Buka jam 8.<end_of_utterance><extra_id_0><unused99><0x0A><turn_end>", "Buka jam 8."),
        ("<assistant>Buka jam 8.</assistant>", "Buka jam 8."),
        ("[INST]<<SYS>>Buka jam 8.<</SYS>>[/INST]", "Buka jam 8."),
        (">>>all\nBuka jam 8.", "Buka jam 8."),
        ("Buka jam 8.\n\ndata: [DONE]", "Buka jam 8."),
        ("BukaĠjamĠ8.Ċ", "Buka jam 8."),
        ("▁Buka▁jam▁8.", "Buka jam 8."),
        ("Pelanggan: Ibu Sari\nTotal: Rp92.000", "Pelanggan: Ibu Sari\nTotal: Rp92.000"),
        ("Buka jam 8 < jam 9.", "Buka jam 8 < jam 9."),
    ],
)
def test_reasoning_and_template_tokens_are_taken_off(text: str, shown: str) -> None:
    assert said(judged(content=text)) == shown


@given(
    st.text(alphabet=st.characters(exclude_characters="<>|[]◁▷"), max_size=60),
    st.text(alphabet="abc ABC.,", min_size=1, max_size=60).filter(str.strip),
    st.sampled_from(
        [
            ("<think>", "</think>"),
            ("", "</think>"),
            ("<Thinking>", "</Thinking>"),
            ("[THINK]", "[/THINK]"),
            ("<ns:think>", "</ns:think>"),
        ]
    ),
)
def test_no_reasoning_is_shown_however_it_is_marked(thought: str, reply: str, tags: tuple[str, str]) -> None:
    assert visible_text(f"{tags[0]}{thought}{tags[1]}{reply}") == reply.strip()


def test_a_call_within_the_reasoning_is_no_call() -> None:
    verdict = judged(
        content='<think>I could do {"name": "cancel_order", "arguments": {"id": 1}}</think>Batalkan pesanan?'
    )
    assert said(verdict) == "Batalkan pesanan?"


@pytest.mark.parametrize(
    "arguments",
    [
        '{"order_id": "KS-1"}',
        {"order_id": "KS-1"},
        [{"order_id": "KS-1"}],
        '[{"order_id": "KS-1"}]',
        json.dumps(json.dumps({"order_id": "KS-1"})),
        "{'order_id': 'KS-1'}",
        '{"order_id": "KS-1",}',
        '{{"order_id": "KS-1"}}',
    ],
)
def test_arguments_are_an_object_however_they_come(arguments: Any) -> None:
    assert called(judged("tool_calls", content=None, tool_calls=[native(arguments)])) == [
        ("get_order", {"order_id": "KS-1"})
    ]


@pytest.mark.parametrize(
    "arguments", ['{"order_id": "KS-1', '{"order_id": KS-1}', "KS-1", ["KS-1"], 7, '{"order_id": "A"}{"order_id": "B"}']
)
def test_arguments_that_cannot_be_read_are_told_to_the_model(arguments: Any) -> None:
    verdict = judged("tool_calls", content=None, tool_calls=[native(arguments)])
    assert isinstance(verdict, Repairable)
    assert "arguments of get_order" in verdict.told


@pytest.mark.parametrize(
    ("name", "meant"),
    [("functions.get_order", "get_order"), ("Get-Order", "get_order"), ("functions.get_order:3", "get_order")],
)
def test_a_tools_name_is_understood_when_it_can_mean_only_one(name: str, meant: str) -> None:
    assert called(judged(content="", tool_calls=[native("{}", name)])) == [(meant, {})]


@pytest.mark.parametrize("name", ["get_stock", "", None, "order"])
def test_an_unknown_tool_is_told_to_the_model_with_the_tools_that_there_are(name: Any) -> None:
    verdict = judged(content="Sebentar", tool_calls=[native("{}", name)])
    assert isinstance(verdict, Repairable)
    assert "get_order, cancel_order" in verdict.told


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "  \n",
        "<think>hm</think>",
        "<think>hm",
        "null",
        "None",
        '""',
        "{}",
        "...",
        "…",
        "False",
        "true",
        "(nothing)",
        "(0)",
        "\u200b\u200b",
        "\u2800 \u3164",
        "**\ufeff**",
    ],
)
def test_an_answer_of_nothing_is_told_to_the_model(content: Any) -> None:
    verdict = judged(content=content)
    assert isinstance(verdict, Repairable)


@pytest.mark.parametrize(
    "answer",
    [
        {"content": "enak sekali kak. " * 1_000},
        {"content": "<think>" + "hm " * 100_000},
        {"content": "[" * (LONGEST_TEXT + 1)},
        {"content": "", "tool_calls": [native(json.dumps({"order_id": "9" * LARGEST}))]},
        {"content": "", "tool_calls": [native('{"order_id": "KS-1"}')] * 5_000},
        {"content": "", "tool_calls": [native(json.dumps({"text": "halo " * 10_000}), "reply")]},
    ],
)
def test_an_answer_without_end_is_asked_for_again_and_read_by_nothing(answer: dict[str, Any]) -> None:
    verdict = judged(**answer)
    assert isinstance(verdict, Repairable)
    assert "too long" in verdict.told


def test_long_reasoning_is_no_long_answer() -> None:
    assert said(judged(content="<think>" + "hm " * 20_000 + "</think>Halo kak")) == "Halo kak"


@pytest.mark.parametrize("content", ["Pesanan Anda sedang", ""])
@pytest.mark.parametrize(
    "finish", ["length", "max_tokens", "MAX_TOKENS", "model_length", "max_new_tokens", "token_limit"]
)
def test_an_answer_that_was_cut_off_is_asked_for_again(finish: str, content: str) -> None:
    verdict = judged(finish, content=content)
    assert isinstance(verdict, Repairable)
    assert "cut off" in verdict.told


@pytest.mark.parametrize("content", ["Pesanan Anda sedang", "", None])
@pytest.mark.parametrize(
    "finish", ["content_filter", "SAFETY", "FinishReason.RECITATION", "refusal", "ERROR_TOXIC", "guardrail_intervened"]
)
def test_an_answer_that_was_withheld_is_for_the_next_model(finish: str, content: Any) -> None:
    assert isinstance(judged(finish, content=content), Failed)


@pytest.mark.parametrize(
    "finish", ["stop", "eos", "stop_sequence", "COMPLETE", "end_turn", "tool_calls", "unknown", ""]
)
def test_any_other_reason_is_an_end(finish: str) -> None:
    assert said(judged(finish, content="Buka jam 8.")) == "Buka jam 8."


@pytest.mark.parametrize("key", ["arguments", "args", "input", "parameters"])
def test_what_a_call_is_given_is_read_under_any_key(key: str) -> None:
    given = {"order_id": "KS-1"}
    for call in ({"name": "get_order", key: given}, {"function": {"name": "get_order", key: given}}):
        assert called(judged(content="", tool_calls=[call])) == [("get_order", given)]


def test_a_list_of_blocks_may_hold_nothing_in_places() -> None:
    assert said(judged(content=[None, {"type": "text", "text": "Halo kak"}, 7])) == "Halo kak"


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        (["Halo ", "kak!"], "Halo kak!"),
        (["Ongkirnya Rp15", ".000 ya kak"], "Ongkirnya Rp15.000 ya kak"),
        (["Kami buka jam 8", " sampai 20."], "Kami buka jam 8 sampai 20."),
        (["Halo kak.", "Ada yang bisa dibantu?"], "Halo kak.\nAda yang bisa dibantu?"),
    ],
)
def test_a_text_that_comes_in_parts_is_put_together_as_it_was_cut(parts: list[str], shown: str) -> None:
    assert said(judged(content=[{"type": "text", "text": part} for part in parts])) == shown


def test_a_refusal_is_for_the_next_model() -> None:
    assert isinstance(judged(content=None, refusal="I cannot help with that."), Failed)


@pytest.mark.parametrize(
    "finish",
    [
        "error",
        "MALFORMED_FUNCTION_CALL",
        "abort",
        "cancelled",
        "timeout",
        "network_error",
        "insufficient_system_resource",
        "engine_overloaded",
    ],
)
def test_an_answer_that_the_server_broke_off_is_asked_for_again(finish: str) -> None:
    assert isinstance(judged(finish, content="Pesanan"), Repairable)


def test_a_complete_call_counts_although_the_answer_was_cut_off_behind_it() -> None:
    assert called(judged("length", content="", tool_calls=[native('{"order_id": "A"}')])) == [
        ("get_order", {"order_id": "A"})
    ]


WRITTEN: tuple[Callable[[str], dict[str, Any]], ...] = (
    lambda cut: {"content": "", "tool_calls": [native(cut)]},
    lambda cut: {"content": f'<tool_call>{{"name": "get_order", "arguments": {cut}'},
    lambda cut: {"content": f'[TOOL_CALLS][{{"name": "get_order", "arguments": {cut}'},
    lambda cut: {"content": f'```json\n{{"name": "get_order", "arguments": {cut}'},
    lambda cut: {"content": f"<function=get_order>{cut}"},
    lambda cut: {"content": f'{{{{"name": "get_order", "arguments": {{{cut}'},
)


@given(
    st.dictionaries(
        st.sampled_from(("order_id", "amount", "link")),
        st.integers(0, 10**7) | st.sampled_from(("KS-10234", "https://kopi.example/p?id=778899")) | st.floats(0, 1e6),
        min_size=1,
    ),
    st.integers(0, 200),
    st.sampled_from(WRITTEN),
)
@example({"order_id": "KS-10234"}, 0, WRITTEN[0])
def test_no_call_that_was_cut_in_the_middle_of_a_value_is_ever_made(
    arguments: dict[str, Any], kept: int, written: Callable[[str], dict[str, Any]]
) -> None:
    cut = json.dumps(arguments)[:-1][:kept]
    verdict = judged("length", **written(cut))
    assert not isinstance(verdict, Good), verdict


@pytest.mark.parametrize("ids", [["", ""], ["x", "x"], [None, None], ["é" * 5000, "ok"]])
def test_calls_get_ids_of_our_own_whatever_the_servers_are(ids: list[Any]) -> None:
    calls = [native('{"order_id": "A"}') | {"id": id_} for id_ in ids]
    verdict = judged(content="", tool_calls=calls)
    assert isinstance(verdict, Good)
    made = [str(call["id"]) for call in verdict.message.tool_calls]
    assert len(set(made)) == 2
    assert all(id_.isascii() and id_.isalnum() and len(id_) == 9 for id_ in made)
    again = judged(content="", tool_calls=calls)
    assert isinstance(again, Good)
    assert [call["id"] for call in again.message.tool_calls] == made


def test_fields_of_the_servers_own_are_kept_and_never_shown() -> None:
    signature = {"google": {"thought_signature": "abc"}}
    verdict = judged(content="", reasoning_content="Ia bertanya.", tool_calls=[native("{}", extra_content=signature)])
    assert isinstance(verdict, Good)
    assert verdict.message.text == ""
    assert verdict.message.additional_kwargs[ECHO] == {"reasoning_content": "Ia bertanya."}
    assert verdict.message.additional_kwargs[CALL_ECHO] == [{"extra_content": signature}]


def test_thinking_blocks_are_kept_for_their_provider_and_not_shown() -> None:
    blocks: list[str | dict[str, Any]] = [
        {"type": "thinking", "thinking": "Ia bertanya.", "signature": "s"},
        {"type": "text", "text": "Saya cek."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {}},
    ]
    answer = AIMessage(
        content=blocks,
        tool_calls=[{"name": "get_order", "args": {}, "id": "toolu_1"}],
        additional_kwargs={"signatures": {"toolu_1": "sig"}},
        response_metadata={"stop_reason": "tool_use"},
    )
    verdict = judge(answer, TOOLS, "turn/1")
    assert isinstance(verdict, Good)
    assert verdict.message.text == "Saya cek."
    own = verdict.message.tool_calls[0]["id"]
    assert [block["id"] for block in verdict.message.additional_kwargs[BLOCKS] if block["type"] == "tool_use"] == [own]
    assert verdict.message.additional_kwargs["signatures"] == {own: "sig"}


def test_a_text_that_its_provider_signed_is_kept_as_it_was() -> None:
    signed: list[str | dict[str, Any]] = [{"type": "text", "text": "Saya cek.", "extras": {"signature": "c2ln"}}]
    verdict = judge(AIMessage(signed), TOOLS, "turn/1")
    assert isinstance(verdict, Good)
    assert (verdict.message.content, verdict.message.additional_kwargs[BLOCKS]) == ("Saya cek.", signed)


@pytest.mark.parametrize(
    "metadata",
    [
        {"prompt_feedback": {"block_reason": "PROHIBITED_CONTENT", "safety_ratings": None}},
        {"finish_reason": "SAFETY"},
        {"finish_reason": "LANGUAGE"},
    ],
)
def test_what_a_provider_withholds_is_for_the_next_model(metadata: dict[str, Any]) -> None:
    assert isinstance(judge(AIMessage("", response_metadata=metadata), TOOLS, "turn/1"), Failed)


@pytest.mark.parametrize("finish", ["MALFORMED_FUNCTION_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"])
def test_words_before_a_call_that_the_provider_could_not_read_are_no_answer(finish: str) -> None:
    answer = AIMessage("Saya cek dulu.", response_metadata={"finish_reason": finish})
    assert isinstance(judge(answer, TOOLS, "turn/1"), Repairable)


def test_the_old_field_for_a_single_call_is_read() -> None:
    assert called(judged(content=None, function_call={"name": "get_order", "arguments": "{}"})) == [("get_order", {})]


def test_a_call_where_there_are_no_tools_is_told_to_the_model() -> None:
    verdict = judge(AIMessage('<tool_call>{"name": "get_order", "arguments": {}}</tool_call>'), (), "turn/1")
    assert isinstance(verdict, Repairable)
    assert "no tools" in verdict.told


@given(st.text(max_size=200), st.sampled_from(["stop", "length", "", "tool_calls"]))
def test_a_good_text_holds_no_reasoning_and_no_raw_call(text: str, finish: str) -> None:
    verdict = judged(finish, content=f"{text}<tool_call>{text}</think>{text}")
    if isinstance(verdict, Good):
        assert "<tool_call>" not in verdict.message.text
        assert "</think>" not in verdict.message.text


SPEAKING = [
    "say",
    "reply",
    "respond",
    "answer",
    "hello",
    "send_message",
    "functions.reply",
    "sendReply",
    "final_answer",
]


@pytest.mark.parametrize("name", [*SPEAKING, "balas", "respond_to_user"])
@pytest.mark.parametrize("key", ["text", "message", "content", "reply", "whatever"])
def test_a_call_that_only_says_something_is_the_answer(name: str, key: str) -> None:
    answer = "Halo Kak, kami buka jam 8."
    arguments = json.dumps({key: answer})
    assert said(judged("tool_calls", content=None, tool_calls=[native(arguments, name)])) == answer
    assert said(judged(content=json.dumps({"name": name, "arguments": {key: answer}}))) == answer


@given(
    st.sampled_from(SPEAKING),
    st.sampled_from(["text", "message", "answer"]),
    st.text(alphabet="abc ABC.,?", min_size=3, max_size=60).map(str.strip).filter(str.strip),
    st.sampled_from(
        [
            '{{"name": {name}, "arguments": {{{key}: {text}}}}}',
            '{{{{"name": {name}, "arguments": {{{{{key}: {text}}}}}}}}}',
            '```json\n{{"name": {name}, "arguments": {{{key}: {text}}}}}\n```',
            '<tool_call>\n{{"name": {name}, "arguments": {{{key}: {text}}}}}\n</tool_call>',
            '{{"action": {name}, {key}: {text}}}',
            "{bare}({key}={text})",
            "{bare}({text})",
        ]
    ),
)
def test_however_it_is_called_the_customer_reads_the_words_and_nothing_else(
    name: str, key: str, text: str, form: str
) -> None:
    written = form.format(
        name=json.dumps(name), bare=name, key=key if "=" in form else json.dumps(key), text=json.dumps(text)
    )
    verdict = judged(content=written)
    assert isinstance(verdict, Repairable) or said(verdict) == text


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ('{"reply": "Halo Kak"}', "Halo Kak"),
        ('{"role": "assistant", "content": "Halo Kak"}', "Halo Kak"),
        ('```json\n{"answer": "Buka jam 8."}\n```', "Buka jam 8."),
        ("<reply>Buka jam 8.</reply>", "Buka jam 8."),
        ('say("Halo\\nKak")', "Halo\nKak"),
        ('"Halo Kak, ada yang bisa dibantu?"', "Halo Kak, ada yang bisa dibantu?"),
        ("assistant: Halo Kak", "Halo Kak"),
        ('Kopi "Senja" dan "Pandan"', 'Kopi "Senja" dan "Pandan"'),
    ],
)
def test_what_is_wrapped_around_an_answer_is_taken_off(content: str, shown: str) -> None:
    assert said(judged(content=content)) == shown


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("send_message", {"to": "driver", "message": "Jemput sekarang."}),
        ("send_email", {"to": "a@b.example", "body": "Halo Kak."}),
        ("reply", {"order_id": "KS-1"}),
        ("hello", {}),
        ("say_cancelled", {"text": "Halo Kak."}),
    ],
)
def test_a_call_that_does_more_than_answer_is_told_to_the_model(name: str, arguments: dict[str, Any]) -> None:
    verdict = judged("tool_calls", content=None, tool_calls=[native(json.dumps(arguments), name)])
    assert isinstance(verdict, Repairable)


def test_what_a_call_says_goes_through_the_same_judge() -> None:
    thought = native(json.dumps({"text": "<think>hm</think>Buka jam 8."}), "say")
    assert said(judged("tool_calls", content=None, tool_calls=[thought])) == "Buka jam 8."
    raw = native(json.dumps({"text": '{"name": "get_order", "arguments": {"order_id": "KS'}), "say")
    assert isinstance(judged("tool_calls", content=None, tool_calls=[raw]), Repairable)


def test_words_beside_a_real_call_do_not_keep_it_from_being_made() -> None:
    both = [native('{"text": "Sebentar"}', "say"), native('{"order_id": "KS-1"}')]
    assert called(judged("tool_calls", content=None, tool_calls=both)) == [("get_order", {"order_id": "KS-1"})]


@pytest.mark.parametrize(
    "content",
    [
        'Baik Kak\n{"order_id": "KS-1"}',
        'Ini datanya: {"order_id": "KS-1"}',
        '```json\n{"status": "dikirim"}\n```\nSilakan.',
    ],
)
def test_raw_data_is_not_for_the_customer(content: str) -> None:
    assert isinstance(judged(content=content), Repairable)


@pytest.mark.parametrize(
    "text",
    [
        'Let\'s think about this step-by-step:\n\n1. The customer asked for "cold brew".\n2. We need to find it in the menu.',
        "Okay, so the user wants to cancel order KS-10235. I should call cancel_order.",
        "The customer is asking about opening hours, which are 8 to 9.",
        "We need to respond to the customer that it is sold out.",
        "Maaf, saya tidak bisa mengidentifikasi apa yang diminta pelanggan.",
        "Pelanggan bertanya tentang jam buka.",
        "Saya tidak dapat menjawab karena pelanggan yang Anda hubungi memilih bahasa Indonesia.",
        "Mari kita pikirkan: pelanggan ini ingin membatalkan.",
        "Thought: it is in the passages.\nKami buka jam 8.",
        "**Thinking:** ia tanya jam.\n\n**Answer:** Kami buka jam 8.",
        "Question: jam buka?\nThought: it is known\nAnswer: Kami buka jam 8.",
        "Thinking Process:\n1. Analyze\n\nKami buka jam 8.",
        "(Thinking: tanya jam) Kami buka jam 8.",
        "analysisThe hours are known. Kami buka jam 8.",
        'Sure! Here\'s a response you can send: "Kami buka jam 8."',
        'Berikut balasan untuk pelanggan:\n\n"Kami buka jam 8."',
        "To get an accurate price for your oil change, can you please provide the customer's name?",
    ],
)
def test_thinking_aloud_about_the_customer_is_never_shown(text: str) -> None:
    assert isinstance(judged(content=text), Repairable)


@pytest.mark.parametrize(
    "text",
    [
        "Pelanggan yang ingin refund bisa mengisi formulir di website.",
        "Semua pelanggan baru dapat diskon 10%.",
        "Customers who want a refund can write to us.",
        "Our customer service is open until 9 pm.",
        "Let me check that for you!",
        "Baik, pertama silakan buka aplikasinya ya Kak.",
        "We need your order number to find it.",
        "If the user wants to reset a password, open Settings.",
        "I think the Gayo beans are what you want.",
        "Here is the answer to your question: we open at 8.",
        "Berikut jawaban untuk pertanyaan Kakak: buka jam 8.",
        "Baik, berikut rincian pesanannya:\n- Kopi: 2",
    ],
)
def test_what_speaks_of_customers_in_general_is_a_reply(text: str) -> None:
    assert said(judged(content=text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "refund",
        "Refund",
        "[refund]",
        "/refund KS-1",
        "@refund KS-1",
        "tool: refund\norder_id: KS-1",
        "I will call the `refund` tool now.",
        "Saya akan memanggil fungsi refund.",
        "\\boxed{Halo kak}",
    ],
)
def test_a_tool_whose_name_is_a_word_is_not_spoken_of_either(text: str) -> None:
    assert isinstance(judge(AIMessage(text), ("refund",), "t/1"), Repairable)
    plain = AIMessage("Refund diproses 3 hari; your refund is on its way.")
    assert isinstance(judge(plain, ("refund",), "t/1"), Good)


def test_a_summary_may_speak_about_the_customer() -> None:
    message = AIMessage("Pelanggan bertanya jam buka. The customer asked for KS-10234.")
    assert isinstance(judge(message, [], "t/1"), Repairable)
    assert isinstance(judge(message, [], "summary/1", to_customer=False), Good)
