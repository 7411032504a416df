"""A corpus of replies with what was done before them: no undone deed is claimed, no done deed is denied."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from actions.action import Json
from actions.claims import unproven
from tests.actions.test_claims import Known

ACTIONS = [
    Known("get_order", "Look up an order", reads=True),
    Known("find_table", "Find free tables", reads=True),
    Known("cancel_order", "Cancel an order"),
    Known("change_address", "Ubah alamat pesanan yang belum dikirim"),
    Known("reserve_table", "Book a table"),
    Known("refund_payment", "Pay money back"),
    Known("panggil_tim", builtin="hand_over"),
    Known("comment", builtin="comment"),
    Known("send_qris", builtin="send_qris"),
    Known("check_payment", builtin="check_payment", reads=True),
]

BEFORE: dict[str, dict[str, list[Json]]] = {
    "": {},
    "looked": {"get_order": [{"id": "KS-10345", "status": "dikirim", "courier": "JNE", "address": "Jl. Mawar 1"}]},
    "told": {"get_order": [{"id": "KS-10345", "status": "cancelled"}]},
    "free": {"find_table": [{"tables": [{"seats": 4, "at": "19:00"}]}]},
    "cancelled": {"cancel_order": [{"id": "KS-10345", "status": "cancelled"}]},
    "moved": {"change_address": [{"ok": True}]},
    "booked": {"reserve_table": [{"booking": "B-771", "people": 4}]},
    "refunded": {"refund_payment": [{"ok": True}]},
    "paid": {"check_payment": ["paid"]},
    "qris": {"send_qris": [{"reference": "A1"}]},
    "handed": {"panggil_tim": [None]},
    "noted": {"comment": [None]},
}

SHOPS: dict[str, tuple[list[Known], dict[str, dict[str, list[Json]]]]] = {
    "": (ACTIONS, BEFORE),
    "air": (
        [
            Known("find_booking", "Look up a flight booking", reads=True),
            Known("change_flight", "Move a booking to another flight"),
            Known("cancel_booking", "Cancel a flight booking"),
            Known("add_baggage", "Add baggage to a booking"),
        ],
        {
            "": {},
            "changed": {"change_flight": [{"ok": True}]},
            "bag": {"add_baggage": [{"booking": "QX7YT2", "kg": 20}]},
            "looked": {
                "find_booking": [{"code": "QX7YT2", "status": "confirmed", "flight": "GA-402", "delay_minutes": 120}]
            },
        },
    ),
    "telco": (
        [
            Known("get_plan", "Look up plan and quota", reads=True),
            Known("activate_roaming", "Activate a roaming package"),
            Known("block_sim", "Block a SIM card"),
            Known("replace_sim", "Order a replacement SIM"),
        ],
        {
            "": {},
            "roaming": {"activate_roaming": [{"ok": True}]},
            "blocked": {"block_sim": [{"ok": True}]},
            "looked": {"get_plan": [{"plan": "Halo 50 GB", "status": "active", "left_gb": 12}]},
        },
    ),
    "clinic": (
        [
            Known("find_slots", "Find free slots of a doctor", reads=True),
            Known("book_appointment", "Book an appointment"),
            Known("cancel_appointment", "Cancel an appointment"),
        ],
        {
            "": {},
            "booked": {"book_appointment": [{"queue": "A-17", "doctor": "Ratna"}]},
            "cancelled": {"cancel_appointment": [{"ok": True}]},
            "slots": {"find_slots": [{"doctor": "Ratna", "free": ["10:00", "13:00"]}]},
        },
    ),
    "subs": (
        [
            Known("get_subscription", "Look up the subscription", reads=True),
            Known("pause_subscription", "Pause a subscription"),
            Known("cancel_subscription", "Cancel a subscription"),
            Known("change_plan", "Change the plan of a subscription"),
        ],
        {
            "": {},
            "paused": {"pause_subscription": [{"ok": True}]},
            "stopped": {"cancel_subscription": [{"ok": True}]},
            "upgraded": {"change_plan": [{"plan": "Premium"}]},
            "looked": {"get_subscription": [{"plan": "Basic", "status": "active"}]},
        },
    ),
    "laundry": (
        [
            Known("get_order", "Look up a laundry order", reads=True),
            Known("schedule_pickup", "Schedule a pickup"),
            Known("cancel_order", "Cancel an order"),
        ],
        {
            "": {},
            "looked": {"get_order": [{"id": "LD-221", "status": "sedang dicuci", "kg": 4}]},
            "picked": {"schedule_pickup": [{"ok": True}]},
        },
    ),
    "salon": (
        [
            Known("find_slots", "Find free slots", reads=True),
            Known("book_slot", "Book a slot"),
            Known("move_booking", "Move a booking to another time"),
            Known("cancel_booking", "Cancel a booking"),
        ],
        {
            "": {},
            "slots": {"find_slots": [{"stylist": "Rina", "free": ["10:00", "15:00"]}]},
            "booked": {"book_slot": [{"code": "SL-8", "at": "Sabtu 15:00"}]},
            "moved": {"move_booking": [{"ok": True}]},
            "cancelled": {"cancel_booking": [{"ok": True}]},
        },
    ),
    "hotel": (
        [
            Known("find_rooms", "Find free rooms", reads=True),
            Known("get_booking", "Look up a booking", reads=True),
            Known("book_room", "Book a room"),
            Known("extend_stay", "Extend a stay"),
            Known("cancel_booking", "Cancel a booking"),
        ],
        {
            "": {},
            "looked": {"get_booking": [{"code": "HT-908", "status": "confirmed", "from": "2026-03-12"}]},
            "booked": {"book_room": [{"code": "HT-2210", "type": "Deluxe"}]},
            "extended": {"extend_stay": [{"ok": True}]},
            "cancelled": {"cancel_booking": [{"code": "HT-908", "ok": True}]},
        },
    ),
    "bakery": (
        [
            Known("get_order", "Look up a cake order", reads=True),
            Known("place_order", "Place an order"),
            Known("change_order", "Change an order"),
            Known("cancel_order", "Cancel an order"),
        ],
        {
            "": {},
            "looked": {"get_order": [{"id": "BK-51", "status": "sedang dipanggang, in the oven"}]},
            "ordered": {"place_order": [{"id": "BK-60", "total": 180000}]},
            "changed": {"change_order": [{"ok": True}]},
            "cancelled": {"cancel_order": [{"id": "BK-51", "ok": True}]},
        },
    ),
    "repair": (
        [
            Known("get_ticket", "Look up a repair", reads=True),
            Known("open_ticket", "Open a repair ticket"),
            Known("schedule_visit", "Schedule a visit of a technician"),
            Known("approve_quote", "Approve a quote"),
        ],
        {
            "": {},
            "looked": {"get_ticket": [{"id": "RP-77", "status": "menunggu sparepart", "device": "laptop"}]},
            "opened": {"open_ticket": [{"id": "RP-90"}]},
            "visit": {"schedule_visit": [{"at": "Rabu pagi"}]},
        },
    ),
    "course": (
        [
            Known("get_enrolment", "Look up an enrolment", reads=True),
            Known("enroll", "Enrol a student in a course"),
            Known("switch_class", "Switch to another class"),
            Known("withdraw", "Withdraw a student"),
        ],
        {
            "": {},
            "looked": {"get_enrolment": [{"id": "CR-12", "status": "active", "until": "Maret"}]},
            "enrolled": {"enroll": [{"code": "CR-77", "course": "robotik"}]},
            "switched": {"switch_class": [{"ok": True}]},
        },
    ),
    "rental": (
        [
            Known("find_cars", "Find free cars", reads=True),
            Known("reserve_car", "Reserve a car"),
            Known("extend_rental", "Extend a rental"),
            Known("cancel_rental", "Cancel a rental"),
        ],
        {
            "": {},
            "cars": {"find_cars": [{"cars": ["Avanza", "Brio"], "date": "5"}]},
            "looked": {"find_cars": [{"code": "RC-310", "cars": ["Avanza"]}]},
            "reserved": {"reserve_car": [{"code": "RC-440"}]},
            "extended": {"extend_rental": [{"ok": True}]},
            "cancelled": {"cancel_rental": [{"code": "RC-310", "ok": True}]},
        },
    ),
    "bank": (
        [
            Known("get_card", "Look up a card", reads=True),
            Known("block_card", "Block a card"),
            Known("open_dispute", "Open a dispute of a transaction"),
            Known("change_limit", "Change the limit of a card"),
        ],
        {
            "": {},
            "looked": {"get_card": [{"card": "4821", "status": "active", "limit": 10000000}]},
            "blocked": {"block_card": [{"ok": True}]},
            "disputed": {"open_dispute": [{"id": "DS-31"}]},
        },
    ),
    "gym": (
        [
            Known("get_member", "Look up a membership", reads=True),
            Known("freeze_membership", "Freeze a membership"),
            Known("cancel_membership", "Cancel a membership"),
            Known("book_class", "Book a class"),
        ],
        {
            "": {},
            "looked": {"get_member": [{"status": "active", "until": "2026-12-31"}]},
            "frozen": {"freeze_membership": [{"ok": True}]},
            "cancelled": {"cancel_membership": [{"ok": True}]},
            "classed": {"book_class": [{"class": "yoga", "at": "Selasa 18:00"}]},
        },
    ),
    "vet": (
        [
            Known("find_slots", "Find free slots", reads=True),
            Known("book_visit", "Book a visit"),
            Known("order_medicine", "Order medicine"),
        ],
        {
            "": {},
            "slots": {"find_slots": [{"free": ["10:00", "15:00"]}]},
            "booked": {"book_visit": [{"code": "VT-12"}]},
            "ordered": {"order_medicine": [{"ok": True}]},
        },
    ),
    "isp": (
        [
            Known("get_line", "Look up an internet line", reads=True),
            Known("report_fault", "Report a fault of a line"),
            Known("upgrade_plan", "Upgrade the plan of a line"),
        ],
        {
            "": {},
            "looked": {"get_line": [{"id": "INT-5501", "status": "gangguan", "since": "08:00"}]},
            "reported": {"report_fault": [{"ticket": "TK-881"}]},
            "upgraded": {"upgrade_plan": [{"ok": True}]},
        },
    ),
    "event": (
        [
            Known("get_ticket", "Look up a ticket", reads=True),
            Known("buy_ticket", "Buy a ticket"),
            Known("transfer_ticket", "Transfer a ticket to another name"),
            Known("refund_ticket", "Refund a ticket"),
        ],
        {
            "": {},
            "looked": {"get_ticket": [{"code": "EV-300", "status": "valid", "seat": "B12"}]},
            "bought": {"buy_ticket": [{"code": "EV-410"}]},
            "transferred": {"transfer_ticket": [{"ok": True}]},
            "refunded": {"refund_ticket": [{"ok": True}]},
        },
    ),
    "pharmacy": (
        [
            Known("get_order", "Look up an order of medicine", reads=True),
            Known("order_medicine", "Order medicine"),
            Known("reserve_medicine", "Reserve medicine"),
            Known("cancel_order", "Cancel an order"),
        ],
        {
            "": {},
            "looked": {"get_order": [{"id": "AP-61", "status": "siap diambil"}]},
            "ordered": {"order_medicine": [{"id": "AP-77"}]},
            "reserved": {"reserve_medicine": [{"ok": True}]},
            "cancelled": {"cancel_order": [{"id": "AP-61", "ok": True}]},
        },
    ),
    "insurance": (
        [
            Known("get_claim", "Look up a claim", reads=True),
            Known("submit_claim", "Submit a claim"),
            Known("update_beneficiary", "Change the beneficiary of a policy"),
            Known("cancel_policy", "Cancel a policy"),
        ],
        {
            "": {},
            "looked": {"get_claim": [{"id": "KL-204", "status": "dalam verifikasi dokumen"}]},
            "submitted": {"submit_claim": [{"id": "KL-310"}]},
            "updated": {"update_beneficiary": [{"ok": True}]},
            "stopped": {"cancel_policy": [{"ok": True}]},
        },
    ),
}
"""The actions of each kind of business, and what was done before a reply; in the data `air:changed` names both."""

DATA = Path(__file__).parent / "data"
FRESH = sorted(path.name for path in DATA.glob("claims_fresh_*.tsv"))
"""Batches that the patterns had not seen; each was written after the one before was mended. As first read 42 of 110, 50 of 102, 11 of 64,
73 of 135, 57 of 134, 14 of 54 and 2 of 20 claims passed, with 0 of 89, 2 of 99, 1 of 61, 3 of 219, 7 of 213, 21 of 99 and 2 of 61 false
alarms. Those from the fourth on hold promises and states that nobody looked up, of five kinds of business; the true sentences of the sixth
were written to look like such. The seventh are whole replies. The eighth to tenth, of eight further kinds of business, were written before
any of them was read: as first read 30 of 119, 28 of 120 and 23 of 121 claims passed (before `actions.assertions` 30, 57 and 53), with 1 of
122, 1 of 128 and 2 of 128 false alarms. The eleventh, of six more kinds of business, before and the twelfth after what is told without any
evidence was presumed to be a claim: 32 of 148 and 29 of 128 passed, with 2 of 150 and 0 of 128 false alarms. Of the fourteenth, of five
kinds of business that were seen before, 2 of 50 passed, with 0 of 50 false alarms.
Of the nineteenth and twentieth, with lists and words by themselves, 10 of 67 passed, then 9 of 60, with 0 of 91 false alarms."""


def corpus(name: str = "claims.tsv") -> list[tuple[str, str, str]]:
    text = (DATA / name).read_text(encoding="utf-8")
    cases: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        if line.startswith(("claim\t", "true\t")):
            verdict, before, reply = line.split("\t", 2)
            cases.append((verdict, before, reply))
        elif line:
            verdict, before, reply = cases.pop()
            cases.append((verdict, before, f"{reply}\n{line}"))
    return cases


def claims(reply: str, before: str) -> list[str]:
    shop, _, done = before.rpartition(":") if before not in SHOPS else (before, "", "")
    actions, befores = SHOPS[shop]
    results = befores[done]
    return [claim.text for claim in unproven(reply, actions, results, results)]  # type: ignore[arg-type]


def test_the_corpus_is_large_enough() -> None:
    assert len(corpus()) >= 300
    assert len(set(corpus())) == len(corpus())


def test_every_reply_of_the_corpus_is_judged_rightly() -> None:
    assert not [case for case in corpus() if bool(claims(case[2], case[1])) != (case[0] == "claim")]


def test_few_claims_of_the_fresh_batches_pass_and_nothing_true_is_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [case for name in FRESH for case in corpus(name)]
    passed = [reply for verdict, before, reply in cases if verdict == "claim" and not claims(reply, before)]
    alarms = [reply for verdict, before, reply in cases if verdict == "true" and claims(reply, before)]
    with capsys.disabled():
        print(f"\n{len(cases)} fresh sentences: {len(passed)} claims passed, {len(alarms)} false alarms", end="")
    assert not alarms
    assert len(passed) <= 0.05 * sum(verdict == "claim" for verdict, _, _ in cases)


# Generated: every deed in every frame. The frames say what may stand around a claim and what takes one back.

DEEDS_ID = [
    ("batalkan", "membatalkan", "pesanan"),
    ("ubah", "mengubah", "alamat"),
    ("refund", "merefund", "transaksi"),
    ("jadwalkan ulang", "menjadwalkan ulang", "reservasi"),
    ("hapus", "menghapus", "akun"),
    ("kirim", "mengirim", "paket"),
    ("cancel", "meng-cancel", "order"),
    ("perpanjang", "memperpanjang", "langganan"),
    ("tukar", "menukar", "barang"),
]
DEEDS_EN = [
    ("cancel", "cancelled", "order"),
    ("update", "updated", "address"),
    ("refund", "refunded", "order"),
    ("reschedule", "rescheduled", "appointment"),
    ("delete", "deleted", "account"),
    ("ship", "shipped", "package"),
    ("change", "changed", "reservation"),
    ("book", "booked", "table"),
]
DONE_ID = [
    "sudah saya {v} {o}nya",
    "{o} Kakak sudah saya {v}",
    "saya sudah {a} {o} Kakak",
    "{o} KS-10345 sudah di{v}",
    "{o} Kakak telah di{v}",
    "{o}nya udah aku {v}",
    "{o} anda berhasil kami {v}",
    "{o} KS-10345 udah di-{v}",
    "{o} anda dah saya {v}",
    "kami telah {a} {o} Kakak",
    "sudah langsung saya {v} {o} Kakak",
    "sudah saya bantu {v} {o}nya",
]
DONE_EN = [
    "I've {d} your {o}",
    "I have already {d} your {o}",
    "I {d} your {o}",
    "your {o} has been {d}",
    "your {o} has now been successfully {d}",
    "your {o} was successfully {d}",
    "your {o} is now {d}",
    "we have {d} your {o}",
    "{o} KS-10345 has been {d}",
    "I went ahead and {d} your {o}",
]
AROUND_ID = [
    ("", "."),
    ("Baik Kak, ", " ya Kak, terima kasih."),
    ("Tidak masalah Kak, ", " ya, dana dapat kembali dalam 3 hari."),
    ("Tentu bisa, ", " dan bisa dicek di aplikasi"),
    ("Mohon maaf atas kendalanya. ", ", kalau ada yang lain kabari ya"),
    ("Siap! ", " 🙏 ada lagi yang bisa dibantu?"),
    ("Oke kak ", ", jangan lupa cek email"),
]
AROUND_EN = [
    ("", "."),
    ("Sure, ", " and you can check it in the app."),
    ("No worries, ", ", let me know if you need more."),
    ("Not a problem! ", ". Can I help with anything else?"),
    ("Thanks for waiting - ", " and it may take a day to show."),
    ("As you asked, ", " so you will not be charged"),
]
OPEN_ID = [
    "{o} belum saya {v}",
    "{o} Kakak belum di{v}",
    "saya belum {a} {o} Kakak",
    "saya tidak bisa {a} {o} Kakak",
    "{o} tidak bisa di{v}",
    "{o} bisa di{v} sebelum jam 5",
    "apakah {o} Kakak sudah di{v}?",
    "{o} KS-10345 sudah di{v}?",
    "mau saya {v} {o}nya?",
    "boleh saya {v} {o} Kakak sekarang?",
    "kalau {o} sudah di{v}, kami kabari",
    "jika {o} Kakak sudah di{v}, kami kabari",
    "{o} akan saya {v} setelah Kakak setuju",
    "{o} yang sudah di{v} tidak dapat dikembalikan",
    "maaf, {o} belum berhasil saya {v}",
    "belum ada {o} yang sudah di{v}",
    "mungkin {o} sudah di{v}",
    "seharusnya {o} sudah di{v}",
    "pastikan {o} sudah di{v} dulu ya",
    "saya tidak bisa memastikan {o} sudah di{v}",
    "Kakak bilang {o} sudah di{v}",
    "untuk {a} {o}, saya perlu nomornya",
    "setelah {o} di{v}, Kakak menerima email",
]
OPEN_EN = [
    "I have not {d} your {o}",
    "I haven't {d} your {o} yet",
    "I couldn't get your {o} {d}",
    "your {o} has not been {d}",
    "your {o} hasn't been {d}",
    "your {o} cannot be {d}",
    "your {o} can be {d} until noon",
    "has your {o} been {d}?",
    "would you like me to {b} your {o}?",
    "I can {b} your {o} for you",
    "I will {b} your {o} once you confirm",
    "if your {o} has been {d}, you get an email",
    "once your {o} has been {d} you will get an email",
    "{o}s that have been {d} cannot be returned",
    "no {o} has been {d}",
    "your {o} may have been {d}",
    "your {o} should have been {d} by now",
    "your {o} will be {d} tomorrow",
    "please check whether your {o} has been {d}",
    "I don't see that your {o} has been {d}",
    "you said your {o} has been {d}",
    "shall I have your {o} {d}?",
]


def hidden(text: str) -> list[str]:
    """The same words with what a reader does not see, or sees as the same letter."""
    return [
        text,
        text.replace("a", "a\N{ZERO WIDTH SPACE}"),
        text.replace(" ", "\N{NO-BREAK SPACE}"),
        text.replace(" ", " \N{WORD JOINER}"),
        text.replace("a", "\N{CYRILLIC SMALL LETTER A}").replace("e", "\N{CYRILLIC SMALL LETTER IE}"),
        text.replace("d", "\N{FULLWIDTH LATIN SMALL LETTER D}"),
        text.replace("a", "a\N{COMBINING ACUTE ACCENT}"),
        f"*{text}*".replace(" ", "* *"),
        text.replace("u", "\N{SOFT HYPHEN}u"),
    ]


def plain_and_hidden(replies: Iterable[str]) -> Iterator[str]:
    """Each reply as it is and in one of the ways to hide it, by turns: what hides words does so whatever they say."""
    for number, reply in enumerate(replies):
        yield reply
        ways = hidden(reply)[1:]
        yield ways[number % len(ways)]


def filled(frames: list[str], deeds: list[tuple[str, str, str]], *, english: bool) -> list[str]:
    names = ("b", "d", "o") if english else ("v", "a", "o")
    return [frame.format(**dict(zip(names, deed, strict=True))) for frame, deed in itertools.product(frames, deeds)]


def test_every_deed_in_every_frame_is_a_claim() -> None:
    replies = (
        before + core + after
        for done, around in (
            (filled(DONE_ID, DEEDS_ID, english=False), AROUND_ID),
            (filled(DONE_EN, DEEDS_EN, english=True), AROUND_EN),
        )
        for core, (before, after) in itertools.product(done, around)
    )
    missed = [reply for reply in plain_and_hidden(replies) if not claims(reply, "")]
    assert not missed, f"{len(missed)} passed, e.g. {missed[:5]}"


def test_no_deed_that_is_open_is_a_claim() -> None:
    replies = (
        begin + core
        for opened, before in (
            (filled(OPEN_ID, DEEDS_ID, english=False), ("", "Baik Kak, ", "Halo! ")),
            (filled(OPEN_EN, DEEDS_EN, english=True), ("", "Sure, ", "Hello! ")),
        )
        for core, begin in itertools.product(opened, before)
    )
    refused = [reply for reply in plain_and_hidden(replies) if claims(reply, "")]
    assert not refused, f"{len(refused)} refused, e.g. {refused[:5]}"


@pytest.mark.parametrize(("deed", "before"), [("cancel", "cancelled"), ("update", "moved"), ("book", "booked")])
def test_a_deed_that_was_done_may_be_told_in_every_frame(deed: str, before: str) -> None:
    deeds = [one for one in DEEDS_EN if one[0] == deed]
    replies = [begin + core + end for core in filled(DONE_EN, deeds, english=True) for begin, end in AROUND_EN]
    if deed == "cancel":
        replies += [
            begin + core + end for core in filled(DONE_ID, [DEEDS_ID[0]], english=False) for begin, end in AROUND_ID
        ]
    refused = [reply for reply in replies if claims(reply, before)]
    assert not refused
