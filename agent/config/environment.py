"""The variables that agent.yaml may refer to: the process's environment over the `.env` file beside it."""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from actions.redaction import secrets_of
from agent.errors import InputError
from settings import Settings

ENV_FILE = ".env"
"""The file beside agent.yaml whose variables stand in for those that the process lacks."""


def environment_of(folder: Path) -> Mapping[str, str]:
    """The variables of `folder/.env`, where there is one, overridden by those of the process.

    A line of `.env` without `=` sets nothing; references inside it are resolved as in a shell.

    Raises:
        InputError: `.env` cannot be read.
    """
    file = folder / ENV_FILE
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


_OPENING = re.compile(r"\$\$\{|\$\{")
_MARKS = re.compile(r"\$\$\{|\$\{|\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that cannot be resolved: the `occurrence`-th `${` of the string (counted from 0, `$${` included)."""

    message: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Expansion:
    """A string with its references replaced.

    `whole` says that the string was nothing but one reference; `used` are the variables whose values are in the text;
    `unresolved` the references that are wrong, in their order: a variable that is not set and has no default, or a
    reference that is not written rightly. No message holds the value of a variable.
    """

    text: str
    whole: bool
    used: Mapping[str, str]
    unresolved: tuple[Unresolved, ...]


def has_references(text: str) -> bool:
    return _OPENING.search(text) is not None


def referred_names(text: str) -> set[str]:
    """The variables that a text refers to, also in defaults."""
    return {
        name[0]
        for opening in _OPENING.finditer(text)
        if opening[0] == "${" and (name := _NAME.match(text, opening.end()))
    }


def expand(text: str, environment: Mapping[str, str]) -> Expansion:
    """Replace every reference in `text`."""
    reader = _Reader(text, environment, {}, [])
    result = reader.read(0, len(text))
    first = _OPENING.match(text)
    whole = first is not None and first[0] == "${" and _closing(text, first.end()) == len(text)
    return Expansion(result, whole, reader.used, tuple(reader.unresolved))


@dataclass(slots=True)
class _Reader:
    text: str
    environment: Mapping[str, str]
    used: dict[str, str]
    unresolved: list[Unresolved]

    def read(self, position: int, end: int) -> str:
        """The text from `position` to `end`, its references replaced."""
        parts: list[str] = []
        while position < end:
            opening = _OPENING.search(self.text, position, end)
            if opening is None:
                parts.append(self.text[position:end])
                break
            parts.append(self.text[position : opening.start()])
            if opening[0] == "$${":
                parts.append("${")
                position = opening.end()
            else:
                value, position = self._reference(opening)
                parts.append(value)
        return "".join(parts)

    def _reference(self, opening: re.Match[str]) -> tuple[str, int]:
        """What stands for the reference that begins at `opening`, and the position behind it."""
        found = _NAME.match(self.text, opening.end())
        if found is None:
            return self._wrong(
                opening,
                "'${' must be followed by the name of an environment variable, e.g. ${API_TOKEN}; "
                "write $${ for the text ${ itself",
            )
        name, position = found[0], found.end()
        rest = self.text[position : position + 2]
        closing = _closing(self.text, position)
        if closing is None:
            return self._wrong(opening, f"the reference '${{{name}' has no closing brace; write ${{{name}}}")
        if rest.startswith("}"):
            if name in self.environment:
                self.used[name] = self.environment[name]
                return self.environment[name], closing
            return self._wrong(
                opening,
                f"the environment variable {name} is not set; set it, add it to .env beside this file, "
                f"or give a default: ${{{name}:-…}}",
            )
        if rest == ":-":
            if value := self.environment.get(name):
                self.used[name] = value
                return value, closing
            return self.read(position + 2, closing - 1), closing
        return self._wrong(
            opening,
            f"'${{{name}{rest[0]}' is not understood; write ${{{name}}} or ${{{name}:-default}}, "
            "or $${ for the text ${ itself",
        )

    def _wrong(self, opening: re.Match[str], message: str) -> tuple[str, int]:
        occurrence = len(_OPENING.findall(self.text, 0, opening.start()))
        self.unresolved.append(Unresolved(message, occurrence))
        return "${", opening.end()


def _closing(text: str, position: int) -> int | None:
    """The position behind the brace that closes the reference whose name or default holds `position`."""
    depth = 1
    for mark in _MARKS.finditer(text, position):
        depth += {"${": 1, "}": -1}.get(mark[0], 0)
        if depth == 0:
            return mark.end()
    return None


def secret_values(config: Settings) -> frozenset[str]:
    """Every secret of the configuration as text. Of an address such as `storage` the password alone is one."""
    return frozenset(part for secret in secrets_of(config) for part in _parts(secret) if part)


def _parts(value: str) -> Iterator[str]:
    if "://" not in value:
        yield value
        return
    try:
        password = urlsplit(value).password
    except ValueError:  # not an address after all
        yield value
        return
    if password:
        yield from {password, unquote(password)}


def check_proxies() -> None:
    """Refuse proxies of the environment that no client could use, before the first one is made.

    Raises:
        InputError: a variable holds no address, or that of a kind of proxy that is not known.
    """
    from urllib.request import getproxies_environment

    if not (found := getproxies_environment()):
        return
    import httpx

    try:
        httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
    except (ValueError, httpx.InvalidURL) as error:
        names = ", ".join(sorted(f"{scheme}_proxy".upper() for scheme in found))
        raise InputError(
            f"a proxy of the environment ({names}) cannot be used: {error}; write http://host:port or socks5://host:port"
        ) from None
