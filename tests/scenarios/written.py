"""Documents that a JSON Schema accepts, and such documents with one value changed: for tests of schema and reader together."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Json = Any

_ASCII = st.characters(codec="ascii")

_NO_NUMBER = st.text(alphabet="kzäé \U0001f600", max_size=6)
"""Texts that name neither a number nor a truth: `"404"` counts as 404, since the value of a `${NAME}` is a text too."""

PLAIN = st.none() | st.booleans() | st.integers(-3, 600) | st.sampled_from([0.5, 2.0, -1.5]) | _NO_NUMBER
STRANGE = PLAIN | st.sampled_from(
    ["2h", "", " ", "live", "2026-11-30", "2026-11-30T10:00:00", "${X}", 1e300, 10**30, [], {}, [[]], [{}]]
)  # fmt: skip


def accepted(schema: Mapping[str, Json], root: Mapping[str, Json]) -> st.SearchStrategy[Json]:
    """Values that a schema accepts, small ones; `root` holds what it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return PLAIN if name == "JsonValue" else st.deferred(lambda: accepted(root["$defs"][name], root))
    if "anyOf" in schema:
        return st.one_of([accepted(each, root) for each in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    least, most = schema.get("minimum"), schema.get("maximum")
    match schema.get("type"):
        case "string" if schema.get("pattern") == r"\$\{":
            return st.just("${NUMBER}")
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True, alphabet=_ASCII).filter(lambda text: len(text) < 30)
        case "string" if schema.get("format") == "date-time":
            return st.sampled_from(["2026-11-30T10:00:00+07:00", "2026-11-30T10:00:00Z", "1066-01-01T00:00:00Z"])
        case "string":
            text = st.text(min_size=schema.get("minLength", 0), max_size=8)
            return text | st.sampled_from(_examples(schema, str) or ["halo"])
        case "integer":
            return st.integers(-3 if least is None else least, min(600, 600 if most is None else most))
        case "number":
            return st.sampled_from([0.5, 1.0])
        case "boolean":
            return st.booleans()
        case "array" if "prefixItems" in schema:
            return st.tuples(*(accepted(each, root) for each in schema["prefixItems"])).map(list)
        case "array":
            items = accepted(schema.get("items", {}), root)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=2)
        case "object":
            return _objects(schema, root)
        case "null":
            return st.none()
        case _:
            return PLAIN


def _examples(schema: Mapping[str, Json], kind: type) -> list[Json]:
    return [each for each in schema.get("examples", ()) if isinstance(each, kind)]


def _objects(schema: Mapping[str, Json], root: Mapping[str, Json]) -> st.SearchStrategy[Json]:
    known = {name: accepted(each, root) for name, each in schema.get("properties", {}).items()}
    needed = {name: known.pop(name) for name in schema.get("required", ())}
    if choices := [each["required"][0] for each in schema.get("oneOf", ())]:
        ones = {name: known.pop(name).filter(lambda value: value is not None) for name in choices}
        few = st.lists(st.sampled_from(sorted(known)), unique=True, max_size=2) if known else st.just([])
        return st.tuples(st.sampled_from(choices), few).flatmap(
            lambda names: st.fixed_dictionaries({names[0]: ones[names[0]], **{name: known[name] for name in names[1]}})
        )
    if known or needed:
        few = st.lists(st.sampled_from(sorted(known)), unique=True, max_size=2) if known else st.just([])
        return few.flatmap(lambda names: st.fixed_dictionaries({**needed, **{name: known[name] for name in names}}))
    more = schema.get("additionalProperties")
    values = accepted(more, root) if isinstance(more, Mapping) else PLAIN
    return st.dictionaries(st.sampled_from(["get_order", "cancel_order", "order_id", "lain"]), values, max_size=2)


def changed(document: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """The same documents with one value, somewhere, that is another."""

    @st.composite
    def change(draw: st.DrawFn) -> Json:
        value = draw(document)
        places = list(_places(value))
        place = draw(st.sampled_from(places)) if places else ()
        return _with(value, place, draw(STRANGE))

    return change()


def _places(value: Json, place: tuple[str | int, ...] = ()) -> "list[tuple[str | int, ...]]":
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, each in inside for one in ((*place, key), *_places(each, (*place, key)))]


def _with(value: Json, place: tuple[str | int, ...], new: Json) -> Json:
    if not place:
        return new
    first, *rest = place
    if isinstance(value, dict):
        return {**value, first: _with(value[first], tuple(rest), new)}  # type: ignore[index]
    return [_with(each, tuple(rest), new) if at == first else each for at, each in enumerate(value)]
