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
_CREDENTIALS = ("TOKEN", "USER", "PASSWORD", "KEY", "CLIENT_ID", "CLIENT_SECRET")
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
        if not str(schema.get("from", "")).startswith("contact.") and schema.get("type") not in ("object", "array")
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
    if schema.get("type") not in ("string", "integer", None) or "enum" in schema:
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
    if (
        place not in ("path", "query", "header")
        or "schema" not in raw
        or raw.get("style", "form") not in ("form", "simple")
    ):
        draft.left_out.append(f"{place} parameter {name}" + (" (required!)" if required else ""))
        return
    schema = draft.reader.read(raw["schema"], name)
    if isinstance(raw.get("description"), str):
        schema["description"] = shortened(raw["description"], 200)
    if schema.get("type") == "object":
        draft.left_out.append(f"{place} parameter {name}: an object" + (" (required!)" if required else ""))
        return
    key = draft.add(name, schema, required=required or place == "path")
    if key is None:
        return
    if place == "path":
        schema.pop("optional", None)
        draft.request["url"] = draft.request["url"].replace(f"{{{name}}}", f"{{{key}}}")
    elif place == "query" and raw.get("explode") is False and schema.get("type") == "array":
        draft.joined.append(f"{quote(name)}={{{key}}}")
    else:
        draft.request.setdefault("query" if place == "query" else "headers", {})[name] = f"{{{key}}}"


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
        auths = [_auth_of(scheme, scopes, prefix, address) for _, scheme, scopes in found]
        if len(auths) == 1 and auths[0] is not None:
            draft.request["auth"] = auths[0]
            return
        unusable.append(" + ".join(f"{name} ({scheme.get('type', 'unknown')})" for name, scheme, _ in found))
    draft.left_out.append(f"the authentication: {', or '.join(unusable)}")


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
