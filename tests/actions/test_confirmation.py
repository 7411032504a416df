"""What a customer's answer to a question means."""

import pytest

from actions.confirmation import answer, question
from tests.actions.conftest import context
from tests.actions.http.declared import declared

CANCEL = "Batalkan pesanan KS-10345?"

YES = """ya|iya|iyaaa|Y|yes|yep|yup|ok|oke kak|okeee|siap|sip|gas|gass kak|gaskeun|boleh|boleh kak|jadi|jadi kak|betul|bener|benar|
setuju|deal|lanjut|lanjutkan|silakan|ya betul|iya, lanjut aja|oke lanjut min|ya kak, tolong ya|mau|mau dong|ayo|yuk|sure|
go ahead|yes please|do it please|okay, go ahead|confirm|correct|of course|absolutely|👍|ok 👍|✅|ya udah|iya jadi|baik kak|
gapapa, lanjut|tidak masalah, lanjutkan|jom|boleh, teruskan|yoi|fix|iya kak makasih|inggih|Ya.|YA!!|iyaa iyaa|iya batalkan aja"""

NO = """tidak|tdk|nggak|ngga|enggak|gak|ga|ga jadi|gak jadi kak|nggak jadi deh|tidak jadi|batal|batal aja|batal ya|jangan|jangan dong|
jgn|no|nope|no thanks|nggak usah|ga usah kak|tidak perlu|gak mau|tak nak|tak payah|tak jadi|nanti dulu|nanti aja kak|belum|
don't|stop|not now|❌|👎|cancel|nggak, saya mau ubah alamat dulu|ga kak, makasih|ya gak jadi|eh jangan|belum kak|no no no"""

OTHER = """ya?|boleh ganti alamat?|ya tapi alamatnya ganti|ok, but change the size|kalau besok bisa?|jam berapa buka?|halo|
saya mau 3 aja|iya kirim ke jalan melati|jangan lupa sambalnya|don't forget the spoon|terserah|hmm|berapa totalnya|
bayar pakai qris|ya 5 cup|mungkin|||   |ok kalau gratis ongkir|ya atau tidak|..."""


def entries(table: str) -> list[str]:
    return [entry for entry in table.replace("\n", "").split("|") if entry.strip() or entry == ""]


@pytest.mark.parametrize("text", entries(YES))
def test_a_plain_yes_is_a_yes(text: str) -> None:
    assert answer(text) == "yes"


@pytest.mark.parametrize("text", entries(NO))
def test_a_no_is_a_no(text: str) -> None:
    assert answer(text) == "no"


@pytest.mark.parametrize("text", entries(OTHER))
def test_a_condition_a_question_or_anything_new_is_neither(text: str) -> None:
    assert answer(text) != "yes"
    if text not in ("ya atau tidak",):
        assert answer(text) is None


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("batalkan", CANCEL, "yes"),
        ("batalin aja kak", CANCEL, "yes"),
        ("iya batalkan pesanan KS-10345", CANCEL, "yes"),
        ("cancel it please", "Cancel order KS-10345?", "yes"),
        ("jangan dibatalkan", CANCEL, "no"),
        ("jangan batalkan", CANCEL, "no"),
        ("batal", CANCEL, None),
        ("batal", "Bayar Rp50.000?", "no"),
        ("batalkan", "Bayar Rp50.000?", None),
        ("iya batalkan pesanan KS-99999", CANCEL, None),
        ("iya 50000", "Bayar Rp50000?", None),
        ("ya Rp50.000", "Bayar Rp50.000?", "yes"),
        ("ya Rp60.000", "Bayar Rp50.000?", None),
    ],
)
def test_the_question_tells_what_an_answer_means(text: str, asked: str, expected: str | None) -> None:
    assert answer(text, asked) == expected


async def test_the_question_shows_the_values_that_will_be_used_and_no_secret(client: object) -> None:
    from actions.http.action import HttpAction
    from actions.redaction import Redactor
    from tests.actions.conftest import NOW

    settings = declared(
        parameters={
            "order_id": {"from": "conversation"},
            "phone": {"from": "contact.phone"},
            "key": {"from": "secret", "value": "hunter2!"},
        },
        confirm={"text": "Batalkan {order_id} untuk {phone}{key}?", "expires": "5m"},
        request={"method": "POST", "url": "https://x.example/{order_id}", "query": {"p": "{phone}", "k": "{key}"}},
    )
    action = HttpAction(settings, client, Redactor(), lambda: NOW)  # type: ignore[arg-type]
    asked = question(action, {"order_id": "KS-1"}, context(said=["batalkan ks-1"]))
    assert asked == "Batalkan KS-1 untuk +6281234567890?"
    assert action.confirm_expires.total_seconds() == 300
