"""What the agent says in fixed words: the owner's, in the customer's language."""

from pathlib import Path

from tests.acceptance.world import world


async def test_fixed_texts_are_the_owners_in_the_customers_language(tmp_path: Path) -> None:
    voice_off = {"id": "Tulis saja ya.", "en": "Please write."}
    async with world(tmp_path, conversation={"voice_off": voice_off}) as here:
        await here.start()
        budi, john = here.sandbox.phone("+6281234567802"), here.sandbox.phone("+6281234567803")
        here.sandbox.say(john, "what is the price of the coffee?")
        await here.texts(john)
        for person, text in ((budi, "Tulis saja ya."), (john, "Please write.")):
            asked = here.sandbox.attach(person, b"OggS" + b"0" * 40, "note.ogg")
            assert await here.texts(person, after=asked) == [text]
