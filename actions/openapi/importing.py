"""The whole import: which operations, in what text."""

import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pydantic import TypeAdapter, ValidationError

from actions.errors import OpenApiError
from actions.openapi.document import Document
from actions.openapi.operations import METHODS, Declaration, Reference, declaration, unique
from actions.openapi.swagger import converted
from actions.settings import ActionList


@dataclass(frozen=True, slots=True)
class Imported:
    """`text` is YAML to put under `actions:`; `left_out` says, by operation, what could not be carried over."""

    text: str
    names: tuple[str, ...]
    left_out: tuple[str, ...]


_MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading raises where something else stands than OpenAPI has there: anything may stand anywhere in a document."""


def import_openapi(
    document: Document, *, only: Sequence[str] = (), server: str | None = None, taken: Collection[str] = ()
) -> Imported:
    """The operations of a document as declarations.

    Args:
        only: names, operation ids, tags or paths (`*` allowed) to take; everything that is not deprecated when empty.
        server: the address of the API, instead of the document's own.
        taken: names of variables of the environment that are in use; the import refers to none of them.

    Raises:
        OpenApiError: the document names no address, or `only` matches nothing.
    """
    if "swagger" in document.root:
        try:
            document = converted(document)
        except _MISSHAPEN as error:
            raise OpenApiError(f"{document.where} is not written as Swagger has it ({error})") from error
    found: list[Declaration] = []
    lost: list[str] = []
    names: dict[str, Any] = {}
    operations = list(_operations(document))
    unread = [f"{path}: {note}" for path, note in _unread(document)]
    for path, method, item, operation in operations:
        if operation.get("deprecated") and not only:
            lost.append(f"{method.upper()} {path}: deprecated")
            continue
        if only and not _may_match(path, method, operation, only):
            continue
        try:
            drafted = declaration(document, path, method, item, operation, server, taken)
        except _MISSHAPEN as error:
            lost.append(
                f"{method.upper()} {path}: it is not written as OpenAPI has it ({type(error).__name__}: {error})"
            )
            continue
        drafted.entry["name"] = unique(drafted.entry["name"], names)
        if only and not any(_matches(drafted, wanted) for wanted in only):
            continue
        if reason := _invalid(drafted.entry):
            lost.append(f"{method.upper()} {path}: {reason}")
            continue
        names[drafted.entry["name"]] = True
        found.append(drafted)
    if only and not found:
        raise OpenApiError(f"no operation of {document.where} matches {', '.join(only)}")
    lost += unread
    notes = [f"{each.entry['name']}: {note}" for each in found for note in each.left_out]
    return Imported(_text(document, found, lost), tuple(names), (*lost, *notes))


def _operations(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    for path, raw in (document.root.get("paths") or {}).items():
        item = document.resolve(raw)
        if not isinstance(item, Mapping):
            continue
        for method in METHODS:
            if isinstance(operation := item.get(method), Mapping):
                yield str(path), method, item, operation


def _unread(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the paths whose description could not be followed, with the reason."""
    for path, raw in (document.root.get("paths") or {}).items():
        known = len(document.unresolved)
        item = document.resolve(raw)
        if len(document.unresolved) > known:
            yield str(path), document.unresolved[known]
        elif not isinstance(item, Mapping):
            yield str(path), "its description is not a mapping"


def _may_match(path: str, method: str, operation: Mapping[str, Any], only: Iterable[str]) -> bool:
    """A quick look before the work: large documents have thousands of operations."""
    given = [path, str(operation.get("operationId") or ""), *map(str, operation.get("tags") or ())]
    if not operation.get("operationId"):
        return True
    plain = re.sub(r"[^a-z0-9]", "", given[1].lower())
    return any(
        any(fnmatchcase(name, wanted) for name in given)
        or fnmatchcase(plain, re.sub(r"[^a-z0-9*]", "", wanted.lower()))
        for wanted in only
    )


def _matches(drafted: Declaration, wanted: str) -> bool:
    names = (drafted.entry["name"], drafted.operation, drafted.path, *drafted.tags)
    return any(fnmatchcase(name, wanted) for name in names if name)


def _invalid(entry: dict[str, Any]) -> str | None:
    try:
        TypeAdapter(ActionList).validate_python([entry])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if str(part) not in ("0", "(action)"))
        return f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return None


_HEAD = """\
# Imported from {where} ({title}).
# Before you use it: keep what customers need, and check every `from:`. What identifies the customer belongs to the runtime
# (from: contact.phone), numbers must have been said (from: conversation) or found by an earlier action (from: <its name>).
"""


def _text(document: Document, found: Sequence[Declaration], lost: Sequence[str]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    out.write(_HEAD.format(where=_comment(document.where), title=_comment(document.title)))
    for line in lost:
        out.write(f"# Left out: {_comment(line)}\n")
    out.write("actions:\n" if found else "actions: []\n")
    for each in found:
        for note in each.left_out:
            out.write(f"  # {each.entry['name']}, left out: {_comment(note)}\n")
        block = io.StringIO()
        yaml.dump([escaped(each.entry)], block)
        out.write(block.getvalue())
    return out.getvalue()


def escaped(value: Any) -> Any:
    """Copy a declaration with `${` in the document's own texts written as `$${`: an import never reads the environment."""
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: escaped(member) for key, member in value.items()}
    return [escaped(member) for member in value] if isinstance(value, list) else value


def _comment(text: str) -> str:
    return " ".join(text.split())[:200]
