"""What customers told about themselves, with the message in which they did."""

from sqlalchemy import Connection, select

from agent.ledger import history, memory
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.tables import message as messages
from tests.ledger.messages import BUDI, NOW


async def test_a_fact_names_its_message_and_a_newer_one_takes_its_place(database: Database) -> None:
    def work(connection: Connection) -> None:
        said = ["nama saya Budi", "alamat saya Jl. Braga 1", "eh, alamatnya Jl. Dago 5"]
        history.append(connection, BUDI, [Line("contact", text, NOW) for text in said])
        history.append(connection, BUDI, [Line("agent", "Baik, Jl. Dago 5 ya", NOW)])
        numbers = list(connection.execute(select(messages.c.n).order_by(messages.c.n)).scalars())
        memory.learn(connection, BUDI, {"name": "Budi", "address": "jl braga 1"}, "t1", NOW)
        memory.learn(connection, BUDI, {"address": "Jl. Dago 5"}, "t2", NOW)
        found = {fact.key: fact for fact in memory.of_contact(connection, BUDI)}
        assert (found["name"].value, found["name"].message, found["name"].turn) == ("Budi", numbers[0], "t1")
        assert (found["address"].value, found["address"].message) == ("Jl. Dago 5", numbers[2])

    await database.write(work)
