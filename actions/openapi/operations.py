"""From one operation of an OpenAPI document to one declaration."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from actions.errors import OpenApiError
from actions.openapi.document import Document, SchemaReader, shortened

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
JSON = "application/json"
MOST_PARAMETERS = 25  # a model loses sight of more

_SET_BY_OTHERS = frozenset({"accept", "content-type", "authorization"})  # OpenAPI: "shall be ignored"
_IDENTITY = (
    (re.compile(r"(^|_)(phone|phone_number|msisdn|mobile|whatsapp|telepon|no_hp)$"), "contact.phone"),
    (re.compile(r"(^|_)(email|e_mail|email_address)$"), "contact.email"),
)
_CUSTOMER = re.compile(
    r"(^|_)(customer|user|member|account|client|buyer|patient|guest|contact)(_?(id|no|number|code|uuid|ref))?$"
)
_CREDENTIALS = ("TOKEN", "USER", "PASSWORD", "KEY", "KEY_2", "KEY_3", "CLIENT_ID", "CLIENT_SECRET")
_SEPARATORS = {"pipeDelimited": "|", "spaceDelimited": " ", "tabDelimited": "\t"}
_IN_A_COOKIE = r"^[^\s;,\"\\]+$"
"""RFC 6265, 4.1.1: what a cookie's value may hold; with anything else it could end and another cookie begin."""
_REFERENCE = re.compile(r"(^|_)(id|ids|uuid|number|no|code|ref|reference|sku|slug|key|token|username|name)$")


@dataclass(slots=True)
class Declaration:
    """One entry of `actions:` and what was left out of it."""

    entry: dict[str, Any]
    left_out: list[str] = field(default_factory=list)
    tags: tuple[str, ...] = ()
    path: str = ""
    operation: str = ""


@dataclass(slots=True)
class _Draft:
    reader: SchemaReader
    parameters: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)  # query parameters whose list is one value, with commas
    cookies: list[str] = field(default_factory=list)

    def add(self, name: str, schema: dict[str, Any], *, required: bool) -> str | None:
        """Declare a parameter; its name in templates, or None when it is left out."""
        if len(self.parameters) >= MOST_PARAMETERS and not required:
            self.surplus.append(name)
            return None
        key = unique(identifier(name), self.parameters)
        if source := _source(identifier(name), schema):
            schema["from"] = source
        for place in _sources_of_members(schema, name):
            self.left_out.append(
                f"{place} is the model's to set: only a parameter of its own can be bound to the customer"
            )
        if not required and "default" not in schema:
            schema["optional"] = True
        self.parameters[key] = schema
        return key

    def put(self, place: str, name: str, key: str) -> None:
        """Send a parameter: `place` is `query` or `headers`."""
        self.request.setdefault(place, {})[name] = f"{{{key}}}"


class Reference(str):
    """A reference to a variable of the environment, which the import itself writes; everything else is the document's text."""


def declaration(
    document: Document,
    path: str,
    method: str,
    item: Mapping[str, Any],
    operation: Mapping[str, Any],
    server: str | None,
    taken: Collection[str],
) -> Declaration:
    """Declare one operation as an action.

    Args:
        item: the path item that holds the operation; its parameters apply too.
        server: replaces the document's own address.
        taken: names of environment variables that are in use; the declaration refers to none of them.

    Raises:
        OpenApiError: the document names no address and `server` is not given.
    """
    draft = _Draft(SchemaReader(document))
    address = server or _server(document, item, operation)
    known = len(document.unresolved)
    draft.request = {"method": method.upper(), "url": address.rstrip("/") + path}
    for raw in _parameters(document, item.get("parameters"), operation):
        _parameter(draft, raw)
    if draft.joined:
        draft.request["url"] += "?" + "&".join(draft.joined)
    _body(document, draft, operation)
    _auth(document, draft, operation, address, taken)
    if draft.cookies:
        draft.request.setdefault("headers", {})["Cookie"] = "; ".join(draft.cookies)
    if draft.surplus:
        few = ", ".join(draft.surplus[:8]) + (" …" if len(draft.surplus) > 8 else "")
        draft.left_out.append(f"{len(draft.surplus)} optional parameters beyond {MOST_PARAMETERS}: {few}")
    entry: dict[str, Any] = {
        "name": unique(identifier(str(operation.get("operationId") or f"{method}_{path}")), {}),
        "description": shortened(
            str(operation.get("summary") or operation.get("description") or f"{method} {path}"), 300
        ),
    }
    if draft.parameters:
        entry["parameters"] = draft.parameters
    if method not in ("get", "head", "options"):
        entry["effect"] = True
        entry["confirm"] = _question(entry["description"], draft.parameters)
        if proposal := _proposed_binding(draft.parameters):
            draft.left_out.append(proposal)
    entry["request"] = draft.request
    return Declaration(
        entry,
        [*draft.left_out, *dict.fromkeys([*draft.reader.left_out, *document.unresolved[known:]])],
        tuple(map(str, operation.get("tags") or ())),
        path,
        str(operation.get("operationId") or ""),
    )


def _question(description: str, parameters: Mapping[str, Any]) -> str:
    """What the customer must say yes to: what is done, with the values that the model sets."""
    shown = [
        name
        for name, schema in parameters.items()
        if not str(schema.get("from", "")).startswith(("contact.", "secret"))
        and schema.get("type") not in ("object", "array")
    ]
    plain = re.sub(r"[{}]", "", description.partition("\n")[0]).rstrip(". ")
    named = ", ".join(f"{name}: {{{name}}}" for name in shown if not parameters[name].get("optional"))
    return f"{plain} ({named})?" if named else f"{plain}?"


def _proposed_binding(parameters: Mapping[str, Any]) -> str | None:
    """A parameter that says who the customer is under a name that only the operator can map to a contact field."""
    if any(str(schema.get("from", "")).startswith("contact.") for schema in parameters.values()):
        return None
    who = next(
        (
            name
            for name, schema in parameters.items()
            if _CUSTOMER.search(name) and schema.get("type") in ("string", "integer", None)
        ),
        None,
    )
    if who is None:
        return "no binding: add the customer's phone to the request (from: contact.phone) if the API can check it"
    return f"no binding: {who} should be {{from: contact.custom.{who}}} once your contacts have that field"


def identifier(text: str) -> str:
    """A name for a parameter or an action: `getPetById` → `get_pet_by_id`, `X-Trace` → `x_trace`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").lower() or "value"
    return (name if not name[0].isdigit() else f"n_{name}")[:60]


def unique(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it where it is taken: `name_2`."""
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def _source(name: str, schema: Mapping[str, Any]) -> str | None:
    """Where a value should come from: who the customer is, the runtime knows; numbers and names must have been said."""
    kinds = schema.get("type")
    if (
        not set(kinds if isinstance(kinds, list) else [kinds]) <= {"string", "integer", "null", None}
        or "enum" in schema
    ):
        return None
    for pattern, source in _IDENTITY:
        if pattern.search(name):
            return source
    return "conversation" if _REFERENCE.search(name) else None


def _server(document: Document, item: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    """The address of an operation: its own servers, else those of its path, else those of the document (OpenAPI 4.8.5)."""
    servers = operation.get("servers") or item.get("servers") or document.root.get("servers") or [{"url": "/"}]
    url = _address(servers[0])
    if document.where.startswith(("http://", "https://")):
        url = urljoin(document.where, url)
    elif not urlsplit(url).hostname and (own := document.root.get("servers")):
        url = urljoin(_address(own[0]), url)
    if not urlsplit(url).hostname:
        raise OpenApiError(
            f"{document.where} does not say where its server is ({url}); give it with --server https://…"
        )
    return url


def _address(server: Mapping[str, Any]) -> str:
    variables = server.get("variables") or {}
    return re.sub(
        r"\{([^{}]+)\}",
        lambda match: str((variables.get(match[1]) or {}).get("default", "")),
        str(server.get("url") or "/"),
    )


def _parameters(document: Document, shared: Any, operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of the path and of the operation; the operation's win."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for raw in [*(shared or ()), *(operation.get("parameters") or ())]:
        parameter = document.resolve(raw)
        if isinstance(parameter, Mapping) and "name" in parameter:
            found[str(parameter.get("in")), str(parameter["name"])] = parameter
    return list(found.values())


def _parameter(draft: _Draft, raw: Mapping[str, Any]) -> None:
    name, place, required = str(raw["name"]), raw.get("in"), bool(raw.get("required"))
    if place == "header" and name.lower() in _SET_BY_OTHERS:
        return
    style = raw.get("style", "form")
    as_json = "schema" not in raw and JSON in (raw.get("content") or {})
    described = raw["content"][JSON].get("schema") or {} if as_json else raw.get("schema")
    known = ("form", "simple", "deepObject", *_SEPARATORS)
    if place not in ("path", "query", "header", "cookie") or described is None or style not in known:
        _lost(draft, f"{place} parameter {name}", required=required)
        return
    schema = draft.reader.read(described, name)
    if isinstance(raw.get("description"), str):
        schema["description"] = shortened(raw["description"], 200)
    if schema.get("type") == "object" and not as_json:
        _members_of_query(draft, raw, schema)
        return
    if place == "cookie" and (not required or schema.get("type") == "array"):
        _lost(draft, f"cookie parameter {name}", required=required)
        return
    if place == "cookie" and schema.get("type", "string") == "string":
        schema["pattern"] = _IN_A_COOKIE
    if schema.get("type") == "array" and style in _SEPARATORS:
        schema = _listed(schema, _SEPARATORS[style])
    key = draft.add(name, schema, required=required or place == "path")
    if key is None:
        return
    if place == "path":
        schema.pop("optional", None)
        draft.request["url"] = draft.request["url"].replace(f"{{{name}}}", f"{{{key}}}")
    elif place == "cookie":
        draft.cookies.append(f"{name}={{{key}}}")
    elif place == "query" and (as_json or (raw.get("explode") is False and schema.get("type") == "array")):
        draft.joined.append(f"{quote(name)}={{{key}}}")
    else:
        draft.put("query" if place == "query" else "headers", name, key)


def _lost(draft: _Draft, what: str, *, required: bool) -> None:
    draft.left_out.append(what + (" (required!)" if required else ""))


def _members_of_query(draft: _Draft, raw: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Declare an object of the query as its members: `filter[status]` as a deep object, `status` as an exploded form."""
    name, required = str(raw["name"]), bool(raw.get("required"))
    deep, members = raw.get("style") == "deepObject", schema.get("properties") or {}
    if raw.get("in") != "query" or not members or not (deep or raw.get("explode", True)):
        _lost(draft, f"{raw.get('in')} parameter {name}: an object", required=required)
        return
    for member, inner in members.items():
        needed = required and member in schema.get("required", ())
        if inner.get("type") in ("object", "array"):
            _lost(draft, f"query parameter {name}: its {inner['type']} {member}", required=needed)
        elif (key := draft.add(f"{name}_{member}", inner, required=needed)) is not None:
            draft.put("query", f"{name}[{member}]" if deep else str(member), key)


def _listed(schema: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """The schema of a list that is sent as one text."""
    told = f"{schema.get('description') or ''} (several with {separator!r} between them)".strip()
    values = (schema.get("items") or {}).get("enum")
    if not values:
        return {"type": "string", "description": told}
    one = f"(?:{'|'.join(re.escape(str(value)) for value in values)})"
    return {"type": "string", "description": told, "pattern": f"^{one}(?:{re.escape(separator)}{one})*$"}


def _body(document: Document, draft: _Draft, operation: Mapping[str, Any]) -> None:
    body = document.resolve(operation.get("requestBody"))
    content = body.get("content") if isinstance(body, Mapping) else None
    if not content:
        return
    kind, place = _body_kind(content)
    if kind is None or draft.request["method"] in ("GET", "HEAD"):
        draft.left_out.append(f"the body ({', '.join(content)})")
        return
    if place == "json" and kind not in (JSON, "*/*"):
        draft.request.setdefault("headers", {})["Content-Type"] = kind
    schema = draft.reader.read((content[kind] or {}).get("schema") or {}, "body")
    properties = schema.get("properties")
    if not properties:
        if place != "json":
            draft.left_out.append(f"the body ({kind}), whose fields are not described")
        elif key := draft.add("body", schema or {"type": "object"}, required=bool(body.get("required"))):
            draft.request["json"] = f"{{{key}}}"
        return
    for name, written in ((content[kind] or {}).get("encoding") or {}).items():
        member = properties.get(name) or {}
        if place != "json" and written.get("explode") is False and member.get("type") == "array":
            properties[name] = _listed(member, _SEPARATORS.get(written.get("style"), ","))
    if fields := _fields(draft, schema, place):
        draft.request[place] = fields


def _fields(draft: _Draft, schema: Mapping[str, Any], place: str, prefix: str = "") -> dict[str, Any]:
    """The fields of a body. An object that must be there and says who the customer is, is taken apart, so that this can be bound."""
    needed = set(schema.get("required") or ())
    fields: dict[str, Any] = {}
    for name, member in sorted(schema["properties"].items(), key=lambda item: item[0] not in needed):
        if place == "multipart" and member.get("format") in ("binary", "base64"):
            draft.left_out.append(f"the file {name}" + (" (required!)" if name in needed else ""))
        elif place == "json" and name in needed and _names_the_customer(member):
            fields[name] = _fields(draft, member, place, f"{prefix}{name}_")
        elif (key := draft.add(prefix + name, member, required=name in needed)) is not None:
            fields[name] = f"{{{key}}}"
    return fields


def _names_the_customer(schema: Mapping[str, Any]) -> bool:
    """Whether an object has members, of its own or of an object that must be there, which the runtime can bind."""
    members: Mapping[str, Any] = schema.get("properties") or {}
    return any(
        (_source(identifier(name), member) or "").startswith("contact.")
        or (name in (schema.get("required") or ()) and _names_the_customer(member))
        for name, member in members.items()
    )


def _sources_of_members(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Say where members of objects and lists come from; yield those that should be bound and cannot be."""
    for name, member in (schema.get("properties") or {}).items():
        source = _source(identifier(name), member)
        if source == "conversation":
            member["from"] = source
        elif source is not None:
            yield f"{path}.{name}"
        yield from _sources_of_members(member, f"{path}.{name}")
    if isinstance(items := schema.get("items"), dict):
        yield from _sources_of_members(items, f"{path}[]")
    for choice in schema.get("anyOf") or ():
        yield from _sources_of_members(choice, path)


def _body_kind(content: Mapping[str, Any]) -> tuple[str | None, str]:
    for kind in content:
        plain = kind.partition(";")[0].strip()
        if plain in (JSON, "*/*") or plain.endswith("+json"):
            return kind, "json"
    for kind, place in (("application/x-www-form-urlencoded", "form"), ("multipart/form-data", "multipart")):
        if kind in content:
            return kind, place
    return None, ""


def _auth(
    document: Document, draft: _Draft, operation: Mapping[str, Any], address: str, taken: Collection[str]
) -> None:
    wanted = operation.get("security", document.root.get("security")) or []
    schemes = (document.root.get("components") or {}).get("securitySchemes") or {}
    if not wanted or {} in wanted:
        return
    prefix, known = _prefix(document.title, taken)
    if known:
        draft.left_out.append(f"{known} is in use; it may be of another server, so {prefix}_… is read")
    unusable: list[str] = []
    for choice in wanted:
        found = [(name, document.resolve(schemes.get(name) or {}), scopes) for name, scopes in choice.items()]
        keys = [scheme for _, scheme, _ in found if _is_key(scheme)]
        auths = [_auth_of(scheme, scopes, prefix, address) for _, scheme, scopes in found if not _is_key(scheme)]
        if not auths and keys and keys[0]["in"] != "cookie":
            auths = [_auth_of(keys.pop(0), [], prefix, address)]
        if len(auths) <= 1 and None not in auths and len(keys) < 3 and all(key["in"] != "query" for key in keys):
            if auths:
                draft.request["auth"] = auths[0]
            for number, scheme in enumerate(keys, 2 if auths and "api_key" in (auths[0] or {}) else 1):
                _send_key(draft, scheme, f"{prefix}_KEY" + (f"_{number}" if number > 1 else ""))
            return
        unusable.append(" + ".join(f"{name} ({scheme.get('type', 'unknown')})" for name, scheme, _ in found))
    draft.left_out.append(f"the authentication: {', or '.join(unusable)}")


def _is_key(scheme: Mapping[str, Any]) -> bool:
    return scheme.get("type") == "apiKey" and scheme.get("in") in ("header", "query", "cookie")


def _send_key(draft: _Draft, scheme: Mapping[str, Any], variable: str) -> None:
    """Send a key beside the authentication, or in a cookie."""
    name = str(scheme.get("name"))
    key = unique(identifier(name), draft.parameters)
    draft.parameters[key] = {"from": "secret", "value": Reference(f"${{{variable}}}")}
    if scheme["in"] == "cookie":
        draft.cookies.append(f"{name}={{{key}}}")
    else:
        draft.put("headers", name, key)


def _prefix(title: str, taken: Collection[str]) -> tuple[str, str | None]:
    """How the variables of an API are named, and the variable that is in use under the name of its title.

    A document that calls itself `OpenAI` must not be sent the key of OpenAI.
    """
    prefix = re.sub(r"[^A-Z0-9]+", "_", title.upper()).strip("_")[:30] or "API"
    prefix = f"API_{prefix}" if prefix[0].isdigit() else prefix
    known = next((f"{prefix}_{part}" for part in _CREDENTIALS if f"{prefix}_{part}" in taken), None)
    while any(f"{prefix}_{part}" in taken for part in _CREDENTIALS):
        prefix = f"IMPORTED_{prefix}"
    return prefix, known


def _auth_of(scheme: Mapping[str, Any], scopes: list[str], prefix: str, address: str) -> dict[str, Any] | None:
    kind = scheme.get("type")
    if kind == "http" and str(scheme.get("scheme")).lower() == "bearer":
        return {"bearer": Reference(f"${{{prefix}_TOKEN}}")}
    if kind == "http" and str(scheme.get("scheme")).lower() == "basic":
        return {
            "basic": {"username": Reference(f"${{{prefix}_USER}}"), "password": Reference(f"${{{prefix}_PASSWORD}}")}
        }
    if kind == "apiKey" and scheme.get("in") in ("header", "query"):
        return {"api_key": {"name": scheme.get("name"), "in": scheme["in"], "value": Reference(f"${{{prefix}_KEY}}")}}
    flow = (scheme.get("flows") or {}).get("clientCredentials") if kind == "oauth2" else None
    if flow and flow.get("tokenUrl"):
        return {
            "oauth2": {
                "token_url": urljoin(f"{address.rstrip('/')}/", str(flow["tokenUrl"])),
                "client_id": Reference(f"${{{prefix}_CLIENT_ID}}"),
                "client_secret": Reference(f"${{{prefix}_CLIENT_SECRET}}"),
                "scopes": list(scopes),
            }
        }
    return {"bearer": Reference(f"${{{prefix}_TOKEN}}")} if kind in ("oauth2", "openIdConnect") else None
