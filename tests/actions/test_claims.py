"""Which sentences need a receipt, and which do not."""

from dataclasses import dataclass, field

import pytest

from actions.claims import Claim, unproven


@dataclass
class Known:
    """The face of an action that claims are checked against."""

    name: str
    description: str = ""
    claims: list[str] = field(default_factory=list)
    builtin: str | None = None
    reads: bool = False


ACTIONS = [
    Known("get_order", reads=True),
    Known("cancel_order", claims=["sudah (saya )?batalkan", "cancelled"]),
    Known("change_address"),
    Known("panggil_tim", builtin="hand_over"),
    Known("comment", builtin="comment"),
    Known("send_qris", builtin="send_qris"),
]


def kinds(text: str, *receipts: str) -> list[str]:
    return [claim.kind for claim in unproven(text, ACTIONS, receipts)]  # type: ignore[arg-type]


CLAIMS = [
    ("Baik Kak, pesanan KS-10345 sudah saya batalkan ya.", "declared"),
    ("Your order has been cancelled.", "declared"),
    ("Sudah saya ubah alamatnya.", "act"),
    ("Saya sudah mengubah alamat pengiriman Kakak.", "act"),
    ("Saya telah membuat pesanan baru untuk Kakak", "act"),
    ("Berhasil saya jadwalkan untuk besok.", "act"),
    ("I've updated your address.", "act"),
    ("I have already booked a table for you.", "act"),
    ("I sent the invoice to your email.", "act"),
    ("Pesanan Kakak sudah saya catat.", "act"),
    ("Pesanan sudah saya proses, ada lagi yang bisa dibantu?", "act"),
    ("Telah saya hantar invois.", "act"),
    ("Alamat pengiriman sudah diubah ke Jl. Melati 5.", "report"),
    ("Pesanan Kakak telah dikirim kemarin.", "report"),
    ("Reservasi berhasil dibuat untuk 4 orang.", "report"),
    ("Pesanannya sudah kami kirim", "report"),
    ("Your address has been updated.", "report"),
    ("We've refunded your order.", "report"),
    ("Tempahan anda telah ditukar.", "report"),
    ("Pembayaran sudah kami terima, terima kasih!", "payment"),
    ("Pesanannya sudah lunas ya Kak", "payment"),
    ("We have received your payment.", "payment"),
    ("Your payment has been confirmed.", "payment"),
    ("Sebentar ya, saya sambungkan ke tim kami.", "handover"),
    ("Saya teruskan ke admin ya Kak.", "handover"),
    ("Tim kami akan segera menghubungi Kakak.", "handover"),
    ("I'll connect you with a colleague.", "handover"),
    ("Let me transfer you to our support team.", "handover"),
    ("A specialist will get back to you shortly.", "handover"),
    ("**Sudah saya batalkan** pesanannya", "declared"),
]


@pytest.mark.parametrize(("text", "kind"), CLAIMS)
def test_a_claim_without_a_receipt_is_found(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "Baik Kak, sudah saya catat ya.",
        "Harga sudah termasuk pajak.",
        "Menu sudah diperbarui per 1 November.",
        "Pesanan belum saya batalkan.",
        "Pesanan tidak bisa dibatalkan setelah dikirim.",
        "Pesanan yang sudah dikirim tidak dapat diubah.",
        "Jika pesanan sudah dikirim, Kakak akan menerima resi.",
        "Setelah pembayaran kami terima, pesanan diproses.",
        "Mau saya batalkan pesanannya?",
        "Apakah pesanan sudah dikirim?",
        "Boleh saya sambungkan ke tim kami?",
        "Kalau perlu, saya bisa sambungkan ke admin.",
        "Saya tidak bisa mengubah alamat.",
        "Saya bantu cek dulu ya.",
        "Would you like me to connect you to a colleague?",
        "I can cancel it for you.",
        "I haven't cancelled your order.",
        "Orders that have been shipped cannot be changed.",
        "Once your payment has been received, we ship.",
        "You can ask our team at any time.",
        "Biji kopinya sudah kami sangrai tadi pagi.",
        "Toko kami sudah buka sejak jam 8.",
        "Silakan kirim bukti transfer.",
        "Terima kasih sudah memesan!",
        "Kami mengirim ke seluruh Depok.",
        "Tim kami buka jam 8 sampai 21.",
        "Pesanan diproses setiap hari kerja.",
        "The order is cancelled if it is not paid, so please pay in time.",
    ],
)
def test_policies_offers_questions_and_negations_are_no_claims(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "receipt"),
    [
        ("Pesanan KS-10345 sudah saya batalkan.", "cancel_order"),
        ("Your order has been cancelled.", "cancel_order"),
        ("Pesanan Kakak sudah dikirim kemarin.", "get_order"),
        ("Pesanannya sudah kami kirim, resinya JNE1.", "get_order"),
        ("Alamatnya sudah saya ubah.", "change_address"),
        ("Sebentar ya, saya sambungkan ke tim kami.", "panggil_tim"),
        ("Keluhannya saya teruskan ke tim ya.", "comment"),
        ("Kode QRIS sudah saya kirim.", "send_qris"),
    ],
)
def test_a_receipt_bears_a_claim_out(text: str, receipt: str) -> None:
    assert kinds(text, receipt) == []


@pytest.mark.parametrize(
    ("text", "receipt", "kind"),
    [
        ("Pesanan sudah saya batalkan.", "get_order", "declared"),
        ("Sebentar ya, saya sambungkan ke tim kami.", "comment", "handover"),
        ("Alamatnya sudah saya ubah.", "get_order", "act"),
        ("Pembayaran sudah kami terima.", "send_qris", "payment"),
        ("Pembayaran sudah kami terima.", "get_order", "payment"),
        ("Saya sambungkan ke tim kami.", "cancel_order", "handover"),
    ],
)
def test_looking_up_is_no_receipt_for_doing_and_a_code_is_none_for_a_payment(
    text: str, receipt: str, kind: str
) -> None:
    assert kinds(text, receipt) == [kind]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Your order was cancelled on Monday.", True),
        ("Order KS-1 has been cancelled.", True),
        ("Pesanan sudah batalkan", True),
        ("Pesanan KS-1 sudah saya batalkan.", False),
        ("We cancelled it, your order is cancelled.", False),
    ],
)
def test_a_state_that_was_looked_up_may_be_told_but_not_claimed(text: str, *, told: bool) -> None:
    for status in ("dibatalkan", "Cancelled", "order_cancelled"):
        results = {"get_order": [{"id": "KS-1", "status": status}]}
        assert (unproven(text, ACTIONS, ["get_order"], results) == []) == told  # type: ignore[arg-type]
    for status in ("not_cancelled", "belum dibatalkan", "uncancelled", "can be cancelled"):
        assert unproven(text, ACTIONS, ["get_order"], {"get_order": [{"status": status}]})  # type: ignore[arg-type]
    assert unproven(text, ACTIONS, ["get_order"], {"get_order": [{"status": "dikirim"}]})  # type: ignore[arg-type]


def test_a_payment_is_proven_by_a_check_or_where_there_is_none_by_a_result() -> None:
    said = "Pembayaran sudah kami terima."
    paid, unpaid = (
        {"get_order": [{"payment": "paid"}]},
        {"get_order": [{"payment": "unpaid", "status": "belum dibayar"}]},
    )
    assert unproven(said, ACTIONS, ["get_order"], paid) == []  # type: ignore[arg-type]
    assert unproven(said, ACTIONS, ["get_order"], unpaid)  # type: ignore[arg-type]
    checked = [*ACTIONS, Known("check_payment", builtin="check_payment", reads=True)]
    assert unproven(said, checked, ["get_order"], paid)  # type: ignore[arg-type]
    assert unproven(said, checked, ["check_payment"]) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["check_payment", "list_reminders"])
def test_a_built_in_that_only_looks_up_bears_out_no_act(name: str) -> None:
    looked_up = [*ACTIONS, Known(name, builtin=name, reads=True)]
    claims = unproven("Alamatnya sudah saya ubah.", looked_up, [name])  # type: ignore[arg-type]
    assert [claim.kind for claim in claims] == ["act"]


@pytest.mark.parametrize(("builtin", "kinds"), [(None, []), ("send_qris", ["recurring"])])
def test_only_a_system_of_the_business_may_remind_again_and_again(builtin: str | None, kinds: list[str]) -> None:
    action = Known("langganan", builtin=builtin)
    claims = unproven("Saya ingatkan setiap hari jam 9 ya!", [action], ["langganan"])  # type: ignore[arg-type]
    assert [claim.kind for claim in claims] == kinds


def test_every_claim_of_a_reply_is_told_in_order() -> None:
    claims = unproven("Sudah saya batalkan. Tim kami akan menghubungi Kakak.", ACTIONS, ())  # type: ignore[arg-type]
    assert [(claim.text, claim.action) for claim in claims] == [
        ("Sudah saya batalkan", "cancel_order"),
        ("Tim kami akan menghubungi", None),
    ]


def test_a_claim_pattern_that_takes_too_long_leaves_the_reply_unproven() -> None:
    slow = Known("cancel_order", claims=["(a|aa)+$"])
    text = f"Pesanannya {'a' * 80}!"
    assert unproven("Pesanannya aaa", [slow], ["cancel_order"]) == []  # type: ignore[list-item]
    assert unproven(text, [slow], ["cancel_order"]) == [Claim(text, "declared")]  # type: ignore[list-item]
