from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agent.turn.handover_note import LONGEST, Deed, Due, Situation, note

JAKARTA = ZoneInfo("Asia/Jakarta")
FULL = Situation(
    contact="7",
    why="the customer asked for a human",
    summary="Gelas pecah",
    asked=("halo", "pesanan KS-10234 pecah", "mau uang kembali", "sambungkan ke admin"),
    deeds=(
        Deed("get_order", {"order_id": "KS-10234"}, "done"),
        Deed("refund", {"amount": 50000}, "unknown"),
        Deed("cancel_order", {"order_id": "KS-10234"}, "failed"),
    ),
    payments=(Due("QR-1", 50000, datetime(2026, 11, 21, 7, 5, tzinfo=UTC)), Due("QR-2", 10000, None)),
)


def test_the_note_names_why_what_was_asked_what_was_done_and_what_is_due() -> None:
    assert note(FULL, "id", JAKARTA).splitlines() == [
        "Alih ke tim: the customer asked for a human",
        "Ringkasan: Gelas pecah",
        "Pelanggan menulis: “pesanan KS-10234 pecah” / “mau uang kembali” / “sambungkan ke admin”",
        "TIDAK PASTI, mohon dicek: refund(amount=50000)",
        "Gagal: cancel_order(order_id=KS-10234)",
        "Sudah dilakukan: get_order(order_id=KS-10234)",
        "Pembayaran terbuka: QR-1, Rp50.000, sampai 21/11 14:05 WIB",
        "Pembayaran terbuka: QR-2, Rp10.000",
        "Catatan lengkap: balas ledger show 7",
    ]


def test_where_nothing_was_done_the_note_says_so_in_the_businesss_language() -> None:
    empty = Situation("7", "why", None, ("hi",), (), ())
    assert "Done: nothing was done" in note(empty, "en", JAKARTA)
    assert "Handed over: why" in note(empty, "de", JAKARTA)


def test_the_longest_note_fits_a_comment_and_still_says_where_the_record_is() -> None:
    long = "a" * 3000
    deeds = [Deed(f"action_{n}", {"text": long}, "done") for n in range(30)]
    text = note(Situation("7", long, long, (long, long, long), deeds, ()), "id", JAKARTA)
    assert len(text) <= LONGEST
    assert text.endswith("balas ledger show 7")
