"""What the agent raises for people to read, and how it ends the `balas` command.

BalasError
├── InputError            exit 1: what the user wrote is wrong: a file, an argument's value, the configuration
│   └── ConfigErrors      agent.yaml (agent.config): every error with its line and column
├── UsageError            exit 2: the command was called wrongly
└── OutsideError          exit 3: something outside failed: the network, the platform, the model, a disk

A message is one line that names the thing, the value and the remedy.
"""

from typing import ClassVar


class BalasError(Exception):
    """An error for the user; `exit_code` is how a command that meets it ends."""

    exit_code: ClassVar[int] = 3


class InputError(BalasError):
    """What the user wrote is wrong, and only the user can put it right."""

    exit_code = 1


class UsageError(BalasError):
    """The command was called in a way that it does not understand."""

    exit_code = 2


class OutsideError(BalasError):
    """Something that is not ours failed; trying again may help."""

    exit_code = 3
