"""The table of commands: what `balas --help` lists, and where each command lives.

A command's module is imported when the command runs, not before; one whose module is missing is not listed.
"""

from importlib.util import find_spec
from typing import Final, NamedTuple


class Command(NamedTuple):  # a dataclass would import `inspect`, a third of what `balas --help` takes
    """`target` is `module:attribute`, a Typer app or the function of a single command; `log_level` what it logs by default."""

    name: str
    target: str
    help: str
    log_level: str = "warning"

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    def exists(self) -> bool:
        return find_spec(self.module) is not None


GROUPS: Final[dict[str, tuple[Command, ...]]] = {
    "Begin": (
        Command("init", "agent.cli.init:init", "Write a working agent into a folder."),
        Command("check", "agent.cli.check:check", "Check agent.yaml: every error with its line."),
        Command("chat", "agent.cli.chat:chat", "Talk to the agent in the terminal."),
        Command("demo", "agent.cli.demo:demo", "Run the sample agent with a phone page; no account needed."),
    ),
    "Run": (
        Command("serve", "agent.cli.serve:serve", "Accept webhooks and answer them.", "info"),
        Command("worker", "agent.cli.serve:worker", "Answer only, beside `serve --accept-only` (PostgreSQL).", "info"),
        Command("mcp", "agent.cli.mcp:mcp", "Offer the API as MCP tools on stdin and stdout."),
        Command("broadcast", "agent.cli.broadcast:broadcast", "Send one message to many contacts, each once."),
        Command("backup", "agent.cli.backup:backup", "Copy the ledger and the agent's files into one archive."),
        Command("restore", "agent.cli.backup:restore", "Unpack a backup; overwrites nothing."),
        Command("sandbox", "agent.cli.demo:sandbox", "Run the local messaging platform alone.", "info"),
    ),
    "Test": (
        Command("test", "agent.cli.test:test", "Run scenarios: conversations as tests.", "error"),
        Command(
            "replay", "agent.cli.replay:replay", "Run a recorded conversation against today's configuration.", "error"
        ),
    ),
    "Parts": (
        Command("knowledge", "agent.cli.knowledge:app", "Sync, search and judge the knowledge base."),
        Command("actions", "agent.cli.actions:app", "List, call and import actions."),
        Command("voice", "agent.cli.voice:app", "Fetch a speech model; transcribe a file."),
        Command("qris", "agent.cli.qris:app", "Read and make QRIS payment codes."),
        Command("workflows", "agent.cli.workflows:app", "What happens by itself; begin or end a run."),
        Command("webhooks", "agent.cli.webhooks:app", "What other systems were told; tell it again."),
        Command("followups", "agent.cli.followups:app", "Messages that are sent later; call one off."),
        Command("contact", "agent.cli.contact:app", "Show, pause, resume or forget one customer."),
        Command("ledger", "agent.cli.ledger:app", "Look into what happened; retry what failed."),
    ),
}


def available() -> dict[str, tuple[Command, ...]]:
    """The groups with the commands that exist."""
    groups = {group: tuple(command for command in commands if command.exists()) for group, commands in GROUPS.items()}
    return {group: commands for group, commands in groups.items() if commands}


def find(name: str) -> Command | None:
    """The command called `name`, if it exists."""
    return next((command for commands in available().values() for command in commands if command.name == name), None)
