"""Events as a platform would send them."""

from datetime import UTC, datetime, timedelta

from agent.ledger.inbound import Rules, Waiting
from messaging.types import Channel, Contact, ContactKey, InboundMessage, MessageSent, Person

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BUDI = ContactKey("aelyst", "7")
RULES = Rules(lambda waiting: waiting[-1].received_at + timedelta(seconds=1), timedelta(hours=12))


def contact(key: ContactKey = BUDI, **facts: object) -> Contact:
    return Contact(key, first_name="Budi", phone="+6281234567802", **facts)  # type: ignore[arg-type]


def message(number: int, text: str = "halo", key: ContactKey = BUDI) -> InboundMessage:
    return InboundMessage(contact(key), f"m{number}", NOW, text, channel=Channel("1", "whatsapp_cloud"))


def sent(number: int, *, by_human: bool, text: str = "hai") -> MessageSent:
    return MessageSent(contact(), f"s{number}", NOW, by_human, text, Person("2", "Rina") if by_human else None)


def quiet(waiting: list[Waiting]) -> datetime:
    return waiting[-1].received_at
