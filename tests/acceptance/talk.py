"""Many customers who ask numbered questions, and whether each question was answered once and in order."""

import asyncio
from dataclasses import dataclass, field

from messaging.sandbox.records import Contact
from tests.acceptance.world import World


@dataclass
class Talk:
    """`asked` holds the numbers that each contact has asked about, by the contact's id."""

    here: World
    people: list[Contact] = field(default_factory=list)
    asked: dict[int, list[int]] = field(default_factory=dict)

    def ask(self, person: Contact | None = None) -> Contact:
        """One question, of a new customer unless one is given."""
        if person is None:
            person = self.here.sandbox.phone(f"+62812{len(self.people):08d}")
            self.people.append(person)
        numbers = self.asked.setdefault(person.id, [])
        numbers.append(1000 + sum(map(len, self.asked.values())))
        self.here.sandbox.say(person, f"pertanyaan nomor {numbers[-1]}?")
        return person

    def answered(self, person: Contact) -> list[int]:
        """The numbers in what a customer got, in order."""
        texts = [str(message.content["text"]) for message in self.here.sandbox.sent(person)]
        return [int(word.rstrip("?")) for text in texts for word in text.split() if word.rstrip("?").isdigit()]

    def open(self) -> int:
        """How many questions have no answer yet."""
        return sum(len(set(self.asked[person.id]) - set(self.answered(person))) for person in self.people)

    async def all_answered_once_in_order(self, *, within: float) -> None:
        """Wait until every question has an answer, and a little longer; then each must have one, in the order of asking."""
        try:
            async with asyncio.timeout(within):
                while self.open():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            missing = [person.id for person in self.people if self.answered(person) != self.asked[person.id]]
            raise AssertionError(f"no answer for {missing}\n" + "\n".join(self.here.log[-60:])) from None
        await self.here.settled(3)
        got = {person.id: self.answered(person) for person in self.people}
        assert got == self.asked
