import re
from pathlib import Path

import typer

from agent.cli.commands import Command, available

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_page_names_every_command_and_no_other() -> None:
    named = set(re.findall(r"^\| `balas ([a-z]+)", PAGE, re.MULTILINE))

    assert named == {command.name for commands in available().values() for command in commands}


def test_every_command_can_be_loaded_and_has_a_help_text() -> None:
    for commands in available().values():
        for command in commands:
            assert _help(command), command.name


def _help(command: Command) -> str | None:
    from importlib import import_module

    module, _, attribute = command.target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return str(found.info.help or "")
    return str(found.__doc__ or "")


def test_the_page_names_the_commands_of_each_group() -> None:
    from importlib import import_module

    for commands in available().values():
        for command in commands:
            module, _, attribute = command.target.partition(":")
            group = getattr(import_module(module), attribute)
            if isinstance(group, typer.Typer):
                (row,) = re.findall(rf"^\| `balas {command.name} ([^`]*)`", PAGE, re.MULTILINE)
                names = [each.name or each.callback.__name__ for each in group.registered_commands if each.callback]
                names += [each.name for each in group.registered_groups]
                assert sorted(row.split("\\|")) == sorted(names), command.name
