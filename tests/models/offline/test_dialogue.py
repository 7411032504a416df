"""What the model reads of a turn: its messages, and the values beside them."""

from langchain_core.messages import HumanMessage, SystemMessage

from agent.models.offline.model import OfflineChatModel
from tests.models.offline.shop import TOOLS, ask, called, exchange, turn


def test_three_messages_in_one_turn_get_one_answer() -> None:
    answer = ask("halo\nmau tanya\nharga latte berapa?").text
    assert answer.startswith("Halo!")
    assert "Rp30.000" in answer


def test_a_rejected_claim_is_not_repeated() -> None:
    reminder = "[system] Your draft says 'sudah dibatalkan', but no action did that in this turn."
    answer = ask(
        "batalkan pesanan",
        after=[*exchange("", "Pesanan sudah dibatalkan.")[1:], HumanMessage(reminder)],
        rejected=True,
    )
    assert called(answer) == []
    assert "sudah dibatalkan" not in answer.text


def test_a_picture_without_words_is_acknowledged() -> None:
    assert "belum bisa melihat" in ask("[image: bukti.jpg]", attachments=("image",)).text


def test_a_voice_note_is_read_like_a_message() -> None:
    assert called(ask("[voice note] bayar 50000")) == [("send_qris", {"amount": 50_000})]


async def test_what_the_prompt_says_is_not_read_where_the_turn_says_otherwise() -> None:
    model = OfflineChatModel(agent_name="Melati").bind_tools(TOOLS)
    prompt = SystemMessage(
        "- Write in English, briefly.\n\nNow: Monday, 02 January 2006, 15:04.\n\n<passages>\n</passages>"
    )
    answer = await model.ainvoke([prompt, HumanMessage("jam buka?")], turn(language="id", cite=True))
    assert "08.00" in answer.text
    assert "Sumber:" in answer.text
