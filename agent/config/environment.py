"""The variables that agent.yaml may refer to: the process's environment over the `.env` file beside it."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from agent.errors import InputError


def environment_of(folder: Path) -> Mapping[str, str]:
    """The variables of `folder/.env`, where there is one, overridden by those of the process.

    A line of `.env` without `=` sets nothing; references inside it are resolved as in a shell.

    Raises:
        InputError: `.env` cannot be read.
    """
    file = folder / ".env"
    if not file.is_file():
        return dict(os.environ)
    from dotenv import dotenv_values

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    written = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)
