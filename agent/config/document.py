"""A YAML file with the place of every key and value, and the errors that point at them.

InputError (agent.errors)
└── ConfigErrors    the file cannot be used: holds every ConfigError that was found, in the order of the file

A `ConfigError` is a value, not an exception: a file has many, and they are reported together.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from actions.redaction import learn, secrets_in_address
from agent.config.environment import expand, has_references
from agent.config.syntax import Mark, syntax_error
from agent.errors import InputError


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing that is wrong (or, in a list of warnings, doubtful), and where. `str()` gives `agent.yaml:3:5: message`."""

    file: str
    mark: Mark
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.mark.line}:{self.mark.column}: {self.message}"


class ConfigErrors(InputError):
    """agent.yaml cannot be used. `errors` are in the order of the file; `str()` has one a line."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error.mark))
        super().__init__("\n".join(map(str, self.errors)))


Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: `("actions", 0, "request", "url")`."""

LARGEST = 2 * 1024 * 1024
_DEEPEST = 100
_MOST_VALUES = 20_000  # aliases of aliases multiply; an agent.yaml of a hundred actions has about 3,000
_MOST_PROBLEMS = 500
_MOST_REFERENCES = 200  # in one value
_TAG = "tag:yaml.org,2002:"
_MISSING = object()
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place."""

    mark: Mark
    message: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value before its references are replaced; `style` is None (plain), `"`, `'`, `|` or `>`."""

    text: str
    style: str | None


@dataclass(slots=True)
class Document:
    """`value` is what the file says. The rest says where, by path.

    `marks` has the place of a value, `keys` that of its key. `written` has the text of values that came from the environment,
    as it stands in the file; `emptied` those that were left out because they came out empty; `wrong` those already reported.
    `secrets` are the values of the variables that were used, with their names. `scalars` are the single values as they are written,
    and `lines` the file's.
    """

    value: dict[str, Any] = field(default_factory=dict)
    marks: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    emptied: dict[Path, tuple[str, Mark]] = field(default_factory=dict)
    wrong: set[Path] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    scalars: dict[Path, Scalar] = field(default_factory=dict)
    lines: Sequence[str] = ()
    blocks: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def mark(self, path: Path) -> Mark:
        """Where a reader looks for `path`: a value at its start, an indented part at its key; else its nearest parent."""
        while path:
            if path in self.blocks and path in self.keys:
                return self.keys[path]
            if path in self.marks:
                return self.marks[path]
            path = path[:-1]
        return Mark(1, 1)

    def key(self, path: Path) -> Mark:
        """Where the key of `path` stands; for a list's entry, the entry."""
        return self.keys.get(path) or self.mark(path)


class Unreadable(Exception):
    """A text that is no YAML, or more of it than is read. `mark` says where it stops."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


def read(
    data: bytes, environment: Mapping[str, str], *, needs: str = "an agent needs at least `name` and `instructions`"
) -> Document:
    """Parse agent.yaml, or another file of ours. Never raises: what is wrong is in the document's `problems`.

    A file that is not YAML at all gives an empty document with one problem.

    Args:
        environment: values of `${NAME}`.
        needs: what is missing in an empty file, for the message.
    """
    document = Document()
    try:
        root = compose(_decode(data))
        if root is None:
            raise Unreadable(Mark(1, 1), f"the file is empty; {needs}")
        if not isinstance(root[1], MappingNode):
            found = "a list" if isinstance(root[1], SequenceNode) else "a single value"
            raise Unreadable(
                _mark(root[1]), f"the file holds {found}; expected keys and values at the top, e.g. `name: Melati`"
            )
        document.lines = root[0].splitlines()
        _Builder(document, root[0], environment).build(root[1])
    except Unreadable as error:
        document.problems.append(Problem(error.mark, error.message))
    return document


def _decode(data: bytes) -> str:
    if len(data) > LARGEST:
        raise Unreadable(Mark(1, 1), f"the file has {len(data)} bytes; more than {LARGEST} is surely not an agent.yaml")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(Mark(1, 1), "the file is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")  # a byte order mark is harmless: Windows editors write it
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise Unreadable(
            Mark(line, column), f"the file is not UTF-8 text (byte 0x{data[error.start]:02x}); save it as UTF-8"
        ) from None


class _Composer(Composer):
    """Stops at a text that holds too many values: reading one takes a tenth of a millisecond."""

    _count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES:
            raise _too_many(_mark(parent))
        return super().compose_node(parent, index)


def _too_many(mark: Mark) -> Unreadable:
    return Unreadable(mark, f"the file holds more than {_MOST_VALUES} values when its aliases are filled in")


@lru_cache(maxsize=16)
def compose(text: str) -> tuple[str, Node] | None:
    """The text and its root node, which nobody changes; `None` for a text that holds nothing. One that comes again is not read again.

    Raises:
        Unreadable: it is no YAML, goes too deep or holds too much.
    """
    import warnings

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    yaml.max_depth = _DEEPEST
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor that is used again is allowed
            root = yaml.compose(text)
    except YAMLError as error:
        raise Unreadable(*syntax_error(error, text)) from None
    except RecursionError:
        raise Unreadable(Mark(1, 1), f"values are nested more than {_DEEPEST} deep") from None
    except (ValueError, OverflowError) as error:  # e.g. the escape "\UFFFFFFFF"
        raise Unreadable(Mark(yaml.reader.line + 1, yaml.reader.column + 1), f"this is not YAML: {error}") from None
    return None if root is None else (text, root)


def _mark(node: Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


class _Builder:
    """Walks the nodes and fills a document."""

    def __init__(self, document: Document, text: str, environment: Mapping[str, str]) -> None:
        self._document = document
        self._text = text
        self._environment = environment
        self._values = 0
        self._open: list[Node] = []

    def build(self, root: MappingNode) -> None:
        value = self._value(root, ())
        if isinstance(value, dict):
            self._document.value = value

    def _problem(self, mark: Mark, message: str, path: Path | None = None) -> None:
        problem = Problem(mark, message)
        if problem not in self._document.problems:  # an alias is read once for each place that uses it
            if len(self._document.problems) >= _MOST_PROBLEMS:
                raise Unreadable(
                    mark, f"more than {_MOST_PROBLEMS} values before this one are wrong; correct them first"
                )
            self._document.problems.append(problem)
        if path is not None:
            self._document.wrong.add(path)

    def _value(self, node: Node, path: Path) -> Any:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise _too_many(_mark(node))
        if any(node is parent for parent in self._open):
            raise Unreadable(_mark(node), "an alias stands inside the value that it repeats")
        self._document.marks[path] = _mark(node)
        if isinstance(node, ScalarNode):
            if node.start_mark.index == node.end_mark.index:  # nothing is written there; the key is what one sees
                self._document.marks[path] = self._document.keys.get(path, _mark(node))
            return self._scalar(node, path)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._problem(_mark(node), f"the tag {_shown_tag(node)} is not supported; remove it", path)
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            assert isinstance(node, SequenceNode)  # noqa: S101 there are three kinds of nodes
            return self._sequence(node, path)
        finally:
            self._open.pop()

    def _sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        if not node.flow_style:
            self._document.blocks.add(path)
        values: list[Any] = []
        for entry in node.value:
            value = self._value(entry, (*path, len(values)))
            if value is not _MISSING:
                values.append(value)
        return values

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        if not node.flow_style:
            self._document.blocks.add(path)
        values: dict[str, Any] = {}
        first: dict[str, Mark] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged.append(value_node)
                continue
            if not isinstance(key_node, ScalarNode):
                self._problem(_mark(key_node), "a key must be plain text, found a list or a mapping")
                continue
            key = self._text_of(key_node)
            if key in first:
                line = first[key].line
                self._problem(_mark(key_node), f"the key `{key}` is given twice; it stands in line {line} already")
                continue
            first[key] = _mark(key_node)
            self._document.keys[*path, key] = _mark(key_node)
            self._put(values, key, value_node, path)
        for source in merged:
            self._merge(source, values, path)
        return values

    def _put(self, values: dict[str, Any], key: str, node: Node, path: Path) -> None:
        value = self._value(node, (*path, key))
        if value is not _MISSING:
            values[key] = value

    def _merge(self, source: Node, values: dict[str, Any], path: Path) -> None:
        """`<<`: what stands in the mapping itself goes first, then the sources in their order."""
        self._values += 1 + len(source.value)
        if self._values > _MOST_VALUES:
            raise _too_many(_mark(source))
        if isinstance(source, SequenceNode):
            for each in source.value:
                self._merge(each, values, path)
            return
        if not isinstance(source, MappingNode):
            self._problem(_mark(source), "`<<` takes in another mapping, e.g. `<<: *defaults`; found a single value")
            return
        if any(source is parent for parent in self._open):
            raise Unreadable(_mark(source), "an alias stands inside the value that it repeats")
        self._open.append(source)
        nested = []
        for key_node, value_node in source.value:
            if key_node.tag == f"{_TAG}merge":
                nested.append(value_node)
            elif isinstance(key_node, ScalarNode) and (key := self._text_of(key_node)) not in values:
                self._document.keys[*path, key] = _mark(key_node)
                self._put(values, key, value_node, path)
        for each in nested:
            self._merge(each, values, path)
        self._open.pop()

    def _text_of(self, node: ScalarNode) -> str:
        """The text of a scalar. JSON writes characters beyond U+FFFF as two escapes, which belong together."""
        text = str(node.value)
        if _SURROGATE.search(text) is None:
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._problem(_mark(node), "an escape such as \\ud83d is half a character; write the character itself")
            return _SURROGATE.sub("\ufffd", text)

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text = self._text_of(node)
        self._document.scalars[path] = Scalar(text, node.style)
        if has_references(text):
            return self._expanded(node, text, path)
        tag = str(node.tag).removeprefix(_TAG)
        read_as = _SCALARS.get(tag)
        if read_as is None:
            self._problem(_mark(node), f"the tag {_shown_tag(node)} is not supported; remove it", path)
            return text
        try:
            return read_as(text)
        except ValueError:
            self._problem(
                _mark(node), f"{text!r} is not a number that can be read; put it in quotes if it is text", path
            )
            return text

    def _expanded(self, node: ScalarNode, text: str, path: Path) -> Any:
        """The text with its references replaced. Unquoted, a lone reference may stand for nothing and for null."""
        if text.count("${") > _MOST_REFERENCES:
            self._problem(_mark(node), f"this value holds more than {_MOST_REFERENCES} references", path)
            return text
        expansion = expand(text, self._environment)
        for unresolved in expansion.unresolved:
            self._problem(self._reference(node, unresolved.occurrence), unresolved.message, path)
        self._document.written[path] = text
        self._document.secrets.update({value: name for name, value in expansion.used.items() if value})
        learn(*secrets_in_address(expansion.text, expansion.used.values()))
        if expansion.whole and node.style is None:
            if not expansion.text:
                self._document.emptied[path] = (text, self._reference(node, 0))
                return _MISSING
            if expansion.text in {"null", "~"}:
                return None
        return expansion.text

    def _reference(self, node: ScalarNode, occurrence: int) -> Mark:
        """The place of the `occurrence`-th `${` of a scalar, in the text as it is written."""
        start = node.start_mark.index
        if node.style in {"|", ">"}:
            start = self._text.index("\n", start)  # a comment may follow the sign
        found = list(re.finditer(r"\$\$\{|\$\{", self._text[start : node.end_mark.index]))
        if occurrence >= len(found):  # written with an escape, e.g. "\u0024{"
            return _mark(node)
        position = start + found[occurrence].start()
        breaks = self._text.count("\n", node.start_mark.index, position)
        line = self._text.rfind("\n", 0, position) + 1
        return Mark(node.start_mark.line + breaks + 1, position - line + 1)


def _shown_tag(node: Node) -> str:
    tag = str(node.tag)
    return f"`!!{tag.removeprefix(_TAG)}`" if tag.startswith(_TAG) else f"`{tag}`"


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def _float(text: str) -> float:
    digits = text.replace("_", "").lower()
    return float(digits.replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: text.lower() in {"true", "yes", "on", "y"},
    "int": _integer,
    "float": _float,
    "timestamp": str,
    "value": str,  # a lone "="
    "merge": str,
}
