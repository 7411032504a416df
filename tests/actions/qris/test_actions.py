from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from actions.action import Context, SendPayment
from actions.builtin.actions import Reworded
from actions.builtin.settings import SendQrisAction
from actions.qris import parse
from actions.qris.actions import KnownPayment, SendQris
from actions.qris.settings import QrisSettings
from tests.actions.qris.codes import STATIC, VECTORS

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@dataclass
class Book:
    known: list[KnownPayment] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    async def payments(self, context: Context) -> Sequence[KnownPayment]:
        return self.known

    async def reserve(self, context: Context, amounts: Sequence[int], until: datetime) -> int | None:
        amount = next((one for one in amounts if one not in self.taken), None)
        if amount is not None:
            self.taken.add(amount)
        return amount

    def keep(self, payment: SendPayment, at: datetime = NOW) -> None:
        self.known.insert(
            0,
            KnownPayment(
                "open", payment.payload, payment.amount, payment.reference, payment.merchant, payment.nmid,
                payment.provider, payment.provider_id, at, payment.expires, payment.order,
            ),
        )  # fmt: skip


def context(*said, results=None, key="turn-1", now=NOW, language="id"):
    return Context({"id": "1"}, said, results or {}, key, now, language)


def action(book=None, **settings):
    return SendQris(QrisSettings.model_validate({"payload": STATIC, **settings}), book or Book())


async def offered(act, ctx, **arguments):
    outcome = await act.run(arguments, ctx)
    assert outcome.status == "done", outcome
    assert await act.check(arguments, ctx) is None
    (payment,) = outcome.requests
    assert isinstance(payment, SendPayment)
    return payment


async def test_bayar_50rb_becomes_a_code_over_50000():
    payment = await offered(action(), context("bayar 50rb"), amount=50000)
    code = parse(payment.payload)
    assert code.crc_ok
    assert code.amount == payment.amount == 50000
    assert (payment.merchant, payment.nmid) == ("WARUNG CONTOH JAYA", "ID1099000000017")
    assert payment.expires == NOW + timedelta(minutes=15)
    assert payment.provider == "static"
    assert payment.reference.startswith("QR-")


async def test_the_amount_is_read_off_the_message_when_none_is_passed():
    assert (await offered(action(), context("halo", "bayar 75.000 ya"))).amount == 75000


async def test_an_amount_that_nobody_named_is_refused():
    outcome = await action().run({"amount": 60000}, context("bayar 50rb"))
    assert outcome.status == "refused"
    assert not outcome.requests


async def test_the_total_of_an_order_is_a_source():
    results = {"get_order": [{"id": "KS-12345", "total": "Rp50.000", "items": [{"qty": 2, "price": 25000.0}]}]}
    payment = await offered(action(), context("mau bayar", results=results), amount=50000, reference="KS-12345")
    assert payment.reference == "KS-12345"
    assert (await action().run({"amount": 51000}, context("mau bayar", results=results))).status == "refused"


async def test_its_own_results_are_no_source():
    results = {"send_qris": [{"amount": 99000}]}
    assert (await action().run({"amount": 99000}, context("bayar", results=results))).status == "refused"


async def test_a_reference_that_nobody_named_is_refused():
    outcome = await action().run({"amount": 50000, "reference": "KS-99999"}, context("bayar 50rb"))
    assert outcome.status == "refused"
    assert "KS-99999" in outcome.content
    assert (await action().run({"amount": 50000, "reference": "r"}, context("bayar 50rb"))).status == "refused"
    assert (await offered(action(), context("bayar 50rb, ks 10234"), reference="KS-10234")).reference == "KS-10234"


@pytest.mark.parametrize("said", ["bayar 1.500rb", "bayar 5m", "18.000 atau 20.000 ya"])
async def test_an_ambiguous_amount_is_asked_back(said):
    outcome = await action().run({}, context(said))
    assert outcome.status == "refused"
    assert "Rp" in outcome.content
    assert outcome.content.endswith(".")


async def test_an_ambiguous_amount_cannot_be_decided_by_the_model():
    assert (await action().run({"amount": 1_500_000}, context("bayar 1.500rb"))).status == "refused"


@pytest.mark.parametrize(
    ("said", "amount", "question"),
    [("bayar 50", 50, "Rp50.000"), ("bayar 50,000", 50000, "Rp50.000"), ("bayar lima puluh ribu", 50000, "Rp50.000")],
)
async def test_a_tiny_or_uncertain_amount_waits_for_a_yes(said, amount, question):
    outcome = await action().run({"amount": amount}, context(said))
    assert outcome.status == "confirm"
    assert question in outcome.content
    assert (await offered(action(), context(said, "iya betul"), amount=amount)).amount == amount
    assert (await offered(action(), context(said, "ya"))).amount == amount
    for answer in ("bukan", "ya?", "ya kalau gratis ongkir", "oke batal aja", "iya lihat dulu deh"):
        assert (await action().run({"amount": amount}, context(said, answer))).status == "confirm"


async def test_an_amount_above_the_limit_is_refused():
    outcome = await action(limit=100_000).run({"amount": 150_000}, context("bayar 150rb"))
    assert outcome.status == "refused"
    assert "Rp100.000" in outcome.content


async def test_no_amount_at_all_is_asked_for():
    outcome = await action().run({}, context("mau bayar dong"))
    assert outcome.status == "refused"
    assert "nominal" in outcome.content
    assert "How much" in (await action().run({}, context("I want to pay", language="en"))).content


@pytest.mark.parametrize("amount", [0, -5, True, 1.5, "50rb"])
async def test_an_amount_that_is_no_integer_is_refused(amount):
    assert (await action().run({"amount": amount}, context("bayar 50rb"))).status == "refused"


async def test_kirim_ulang_sends_the_live_code_again():
    book = Book()
    act = action(book)
    first = await offered(act, context("bayar 50rb"))
    book.keep(first)
    again = await offered(act, context("bayar 50rb", "kirim ulang qris", key="turn-2", now=NOW + timedelta(minutes=5)))
    assert again == replace(first, resend=True, asked=None, order=None)
    same = await offered(act, context("bayar 50rb", "bayar 50rb", key="turn-3"), amount=50000)
    assert same.resend


async def test_an_expired_code_is_made_anew():
    book = Book()
    act = action(book)
    first = await offered(act, context("bayar 50rb"))
    book.keep(first)
    later = NOW + timedelta(minutes=16)
    again = await offered(act, context("bayar 50rb", "kirim ulang dong", key="turn-2", now=later))
    assert not again.resend
    assert (again.amount, again.reference) == (first.amount, first.reference)
    assert again.expires == later + timedelta(minutes=15)


@pytest.mark.parametrize("said", ["sudah saya bayar ya", "udah tf kak", "I have paid", "barusan saya transfer"])
async def test_a_customer_who_says_paid_gets_no_code_again_and_is_not_believed(said):
    book = Book()
    act = action(book)
    book.keep(await offered(act, context("bayar 50rb")))
    outcome = await act.run({}, context("bayar 50rb", said, key="turn-2"))
    assert outcome.status == "refused"
    assert "Rp50.000" in outcome.content


async def test_a_paid_code_is_not_sent_again():
    book = Book()
    act = action(book)
    book.keep(await offered(act, context("bayar 50rb")))
    book.known[0] = replace(book.known[0], state="paid")
    assert (await act.run({}, context("bayar 50rb", "kirim ulang", key="turn-2"))).status == "refused"


async def test_the_same_step_gives_the_same_code():
    one = await offered(action(), context("bayar 50rb"))
    assert one == await offered(action(), context("bayar 50rb"))
    assert one.reference != (await offered(action(), context("bayar 50rb", key="turn-2"))).reference


async def test_a_unique_amount_is_taken_once_and_stays_under_the_limit():
    book = Book()
    act = action(book, unique_suffix="add", limit=50_900)
    amounts = set()
    for n in range(20):
        payment = (await act.run({}, context("bayar 50rb", key=f"turn-{n}"))).requests[0]
        assert 50_001 <= payment.amount <= 50_900
        assert payment.asked == 50_000
        assert parse(payment.payload).amount == payment.amount
        amounts.add(payment.amount)
    assert len(amounts) == 20


async def test_when_all_unique_amounts_are_taken_nothing_is_sent():
    book = Book(taken=set(range(49_000, 51_000)))
    outcome = await action(book, unique_suffix="subtract").run({}, context("bayar 50rb"))
    assert outcome.status == "failed"


async def test_the_reference_is_in_the_code_only_when_asked():
    results = {"get_order": [{"id": "KS-12345"}]}
    ctx = context("bayar 50rb pesanan KS-12345", results=results)
    plain = await offered(action(), ctx, amount=50000, reference="KS-12345")
    assert parse(plain.payload).reference is None
    labelled = await offered(action(label=True), ctx, amount=50000, reference="KS-12345")
    assert parse(labelled.payload).reference == "KS-12345"


async def test_the_model_is_never_told_that_it_was_paid():
    outcome = await action().run({}, context("bayar 50rb, sudah saya transfer ya"))
    assert "not been paid" in outcome.content
    assert outcome.data["paid"] is False


def test_agent_yaml_can_give_it_other_texts():
    texts = SendQrisAction.model_validate(
        {"builtin": "send_qris", "name": "kirim_qris", "examples": ["minta kode"], "confirm": "Kirim QRIS {amount}?"}
    )
    named = Reworded(action(), texts)
    assert (named.name, named.examples, named.confirm) == ("kirim_qris", ["minta kode"], "Kirim QRIS {amount}?")
    assert named.description == action().description


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"payload": "0002010"}, "not a static QRIS code"),
        ({"payload": STATIC[:-1] + "0"}, "CRC"),
        ({}, "exactly one"),
        ({"payload": STATIC, "nmid": "ID1000000000000"}, "WARUNG CONTOH JAYA"),
        ({"payload": STATIC, "limit": 500}, "above limit"),
        ({"payload": STATIC.replace("010211", "010212")}, "not a static QRIS code"),
        ({"gateway": {"name": "midtrans", "server_key": "x"}, "unique_suffix": "add"}, "static payload"),
        ({"payload": STATIC, "typo": 1}, "typo"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        QrisSettings.model_validate(settings)


def test_a_broken_payload_names_its_own_place():
    payload = next(vector["payload"] for vector in VECTORS if vector["n"] == 68)
    with pytest.raises(ValueError, match="at character 79"):
        QrisSettings.model_validate({"payload": payload})


def test_the_operator_sees_who_will_be_paid():
    settings = QrisSettings.model_validate({"payload": f" {STATIC} "})
    assert settings.describe() == "WARUNG CONTOH JAYA, JAKARTA PUSAT, NMID ID1099000000017"
