"""Slips of the pen in agent.yaml and `.env` that are valid and surely not meant: a reference in the wrong form, a key in the file."""

import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from agent.config.config import AgentConfig
from agent.config.document import ConfigError, Document, Path, Problem, Scalar
from agent.config.environment import ENV_FILE, referred_names
from agent.config.problems import dotted
from agent.config.schema import is_secret
from agent.config.semantics import is_local
from agent.config.syntax import CURLY, Mark
from messaging.settings import MessagingSettings

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_FOREIGN = re.compile(
    rf"\$({_NAME})|\$\(({_NAME})\)|%({_NAME})%|\$env:({_NAME})|\{{\{{ *({_NAME}) *\}}\}}|\{{({_NAME})\}}"
    rf"|(?:os\.environ|process\.env)\W*({_NAME})\W*|([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"
)
"""A whole value in which other programs name a variable."""
_INSIDE = re.compile(r"(?<![$\w])\$([A-Z][A-Z0-9]*_[A-Z0-9_]+)")
_ESCAPED = re.compile(rf"\$\$\{{({_NAME})\}}")
_PLACEHOLDER = re.compile(r"<.*>|.*(\.\.\.|…)|.*\b(your|my)[-_ ]\w+.*|x{4,}|change[-_ ]?me|todo", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?:\b(?:sk|pk|rk)[-_][A-Za-z0-9][\w-]{15,}|\bxox[abp]-[\w-]{10,}|\bghp_\w{20,}|\bAIza[\w-]{30,}|\bEAA\w{30,}"
    r"|\b(?:Bearer|Basic) +[\w.~+/=-]{16,})"
)
"""Keys of well-known services, wherever they stand."""
_LONG_ENOUGH = 8  # shorter ones are those of examples and of servers on this machine
_TEXTS = frozenset({"instructions", "text", "description", "examples", "pattern", "confirm"})
"""Keys whose values are prose or patterns, in which these characters are meant."""


def slips(config: AgentConfig, document: Document) -> list[Problem]:
    """What is valid in agent.yaml and probably not meant, at its place. No message holds a secret."""
    found = []
    for path, scalar in document.scalars.items():
        if path in document.marks and (message := _slip(config, document, path, scalar)):
            found.append(Problem(document.marks[path], f"{dotted(path)}: {message}"))
    return found


def _slip(config: AgentConfig, document: Document, path: Path, scalar: Scalar) -> str | None:
    text, secret = scalar.text, is_secret(AgentConfig, path)
    if scalar.style in {"|", ">"}:
        return None
    if scalar.style is None and text[:1] in CURLY and text:
        return "curly quotes mean nothing to YAML and are part of the value; leave them out, or use ' or \""
    if secret and (found := _FOREIGN.fullmatch(text) or _ESCAPED.fullmatch(text)):
        name = next(group for group in found.groups() if group)
        return f"the text {text} is taken as the key itself; a reference is written ${{{name}}}"
    if _TEXTS.isdisjoint(map(str, path)):
        if found := _INSIDE.search(text):
            return f"${found[1]} is taken as it is written; a reference is written ${{{found[1]}}}"
        if secret:
            return _secret(config, document, path, text)
        if path not in document.written and _TOKEN.search(text):
            return "this looks like a key, and it stands in the file itself; put it into .env, and write ${NAME} here"
    if scalar.style is None and re.fullmatch(r"[+0]\d{6,}", text) and path not in document.written:
        return f"{text} is read as a number, without its first sign; put it in quotes if it is a phone number or a code"
    return None


def _secret(config: AgentConfig, document: Document, path: Path, text: str) -> str | None:
    """What is wrong with a key, a token or a password."""
    if path in document.written:
        value = _value_at(document, path)
        if isinstance(value, str) and (odd := _not_in_keys(value)):
            return f"the value of {text} holds {odd}, which no key has; look at .env"
        return None
    if odd := _not_in_keys(text):
        return f"holds {odd}, which no key has"
    if _PLACEHOLDER.fullmatch(text):
        return "this is a placeholder, not a key; put the key into .env, and write ${NAME} here"
    if len(text) < _LONG_ENOUGH or _is_local(config, path) or ("://" in text and not urlsplit(text).password):
        return None
    return "the key stands in the file itself, where it is copied and shared with it; put it into .env, and write ${NAME} here"


def _not_in_keys(value: str) -> str | None:
    if any(character in CURLY for character in value):
        return "a curly quote"
    if any(character.isspace() for character in value):
        return "a space or a line break"
    return None if value.isprintable() else "a character that is not printed"


def _value_at(document: Document, path: Path) -> object:
    value: object = document.value
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def _is_local(config: AgentConfig, path: Path) -> bool:
    """Whether a key opens only something on this machine."""
    address: str | None = None
    match path:
        case ("model", *_):
            address = config.model.base_url
        case ("messaging", *rest):
            entries = config.platforms
            entry: MessagingSettings = entries[rest[0]] if rest and isinstance(rest[0], int) else entries[0]
            if entry.effective_platform == "sandbox":
                return True
            address = entry.effective_base_url
    return is_local(address or "")


_MISNAMED = (".env.txt", "env.txt", "env", ".env.example")
_OTHER_FORM = re.compile(rf"\s*(?:set\s+|\$env:|let\s+)?({_NAME})\s*[=: ]", re.IGNORECASE)


def env_slips(folder: FilePath, document: Document) -> list[ConfigError]:
    """What is probably not meant in the `.env` beside agent.yaml, at its line. No message holds a value."""
    file = folder / ENV_FILE
    if not file.is_file():
        return [
            ConfigError(
                str(folder / name), Mark(1, 1), "only .env is read, and there is none; rename this file to .env"
            )
            for name in _MISNAMED
            if (folder / name).is_file() and _sets_something(folder / name)
        ]
    used = {name for scalar in document.scalars.values() for name in referred_names(scalar.text)}
    return [ConfigError(str(file), mark, message) for mark, message in _env(file.read_text("utf-8-sig"), used)]


def _sets_something(file: FilePath) -> bool:
    from dotenv import dotenv_values

    try:
        return any(dotenv_values(stream=StringIO(file.read_text("utf-8-sig"))).values())
    except (OSError, UnicodeDecodeError):
        return False


def _env(text: str, used: set[str]) -> Iterator[tuple[Mark, str]]:
    from dotenv.parser import parse_stream

    seen: dict[str, int] = {}
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        blank = len(written) - len(written.lstrip())
        line = binding.original.line + written[:blank].count("\n")
        begin = written.lstrip().partition("\n")[0]
        mark = Mark(line, 1)
        if binding.error or (binding.key and binding.value is None):
            meant = _OTHER_FORM.match(begin)
            how = f"write {meant[1]}=…" if meant else "a line is NAME=value"
            yield mark, f"this line sets nothing; {how}"
        elif binding.key is not None and binding.value is not None:
            yield from ((mark, message) for message in _binding(binding.key, binding.value, seen, used))
            seen[binding.key] = line


def _binding(name: str, value: str, seen: Mapping[str, int], used: set[str]) -> Iterator[str]:
    if re.fullmatch(_NAME, name) is None:
        meant = re.sub(r"\W+", "_", name).strip("_").upper()
        yield f"{name} cannot be referred to; a name has letters, digits and _, e.g. {meant}"
    elif name in seen:
        yield f"{name} is set in line {seen[name]} already; the last one counts"
    elif name not in used and (near := next((each for each in sorted(used) if _is_typing_error(name, each)), None)):
        yield f"{name} is not what agent.yaml asks for; did you mean {near}?"
    if value[:1] in CURLY and value:
        yield f"the value of {name} begins with a curly quote, which is part of it; leave it out, or use ' or \""


def _is_typing_error(name: str, near: str) -> bool:
    """Whether two names differ by their case or by two letters at most."""
    if name.upper() == near.upper():
        return True
    from rapidfuzz.distance import OSA

    return OSA.distance(name.upper(), near.upper(), score_cutoff=2) <= 2
