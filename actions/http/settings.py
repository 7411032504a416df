"""The `request` and `response` of a declared action."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from actions.guard.addresses import check_host
from actions.scope import action_scope, check_template
from actions.template import placeholders, texts_in
from settings import Duration, Settings
from settings.matching import JsonPath

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT = SAFE | {"PUT", "DELETE"}  # RFC 9110, 9.2.2

# What the client itself must say about the message, and what would reach another virtual host (RFC 9110, 7.6.1).
_RESERVED = frozenset(
    "host content-length transfer-encoding connection keep-alive te trailer upgrade proxy-connection expect".split()
)


def _check_templates(value: Any) -> Any:
    for text in texts_in(value):
        check_template(text)
    return value


Template = Annotated[str, AfterValidator(check_template)]
"""A text with `{parameters}`."""

Templates = Annotated[
    Any,
    AfterValidator(_check_templates),
    WithJsonSchema({"type": ["string", "number", "boolean", "array", "null"]}),
]
"""A text with `{parameters}`, a constant, or a list of them."""

Tree = Annotated[
    Any, AfterValidator(_check_templates), WithJsonSchema({"type": ["object", "array", "string", "number", "boolean"]})
]
"""Any JSON whose texts are templates."""


def _check_url(text: str) -> str:
    match = re.fullmatch(r"(?i)(https?)://([^/?#\s]+)([^#\s]*)", text)
    if not match:
        raise ValueError(f"{text!r} is not a web address; write e.g. https://api.example.com/orders/{{order_id}}")
    if "{" in match[2]:
        raise ValueError("the host must be written out; a parameter may stand only in the path or query")
    parts = urlsplit(f"{match[1]}://{match[2]}")
    if parts.username is not None:
        raise ValueError("a user name or password does not belong in the address; use auth: {basic: …}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{match[2]!r} has no valid port") from None
    if port == 0:
        raise ValueError(f"{match[2]!r} has no valid port")
    check_host(parts.hostname or "")
    check_template(match[3])
    scope = action_scope()
    path = match[3].partition("?")[0]
    for name in placeholders(path):
        parameter = scope.parameters.get(name) if scope else None
        if isinstance(parameter, Mapping) and parameter.get("optional"):
            raise ValueError(f"{{{name}}} is optional and cannot stand in the path: the address would have a hole")
    return text


Url = Annotated[str, AfterValidator(_check_url)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]


def _header_is_free(name: str) -> str:
    if name.lower() in _RESERVED:
        raise ValueError(f"the header {name} is set by the client itself")
    return name


FreeHeaderName = Annotated[HeaderName, AfterValidator(_header_is_free)]


class Basic(Settings):
    """User name and password (RFC 7617)."""

    username: str = Field(description="the user name")
    password: SecretStr = Field(description="the password")


class ApiKey(Settings):
    """A key in a header or in the query."""

    name: str = Field(description="the name of the header or query parameter, e.g. X-Api-Key")
    location: Literal["header", "query"] = Field("header", alias="in", description="header or query")
    value: SecretStr = Field(description="the key")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
            raise ValueError(f"{value!r} is not a name; write e.g. X-Api-Key")
        return _header_is_free(value)


def _check_signed(text: str) -> str:
    known = {"method", "path", "query", "body", "timestamp", "nonce", "host", "url", "body_hash"}
    for name in placeholders(text):
        if name not in known:
            raise ValueError(f"{{{name}}} cannot be signed; there is {', '.join(sorted(known))}")
    return text


class Hmac(Settings):
    """A signature over the request, as many payment and shop APIs ask for."""

    secret: SecretStr = Field(description="the shared key")
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = Field("sha256", description="the hash")
    encoding: Literal["hex", "base64"] = Field("hex", description="how the signature is written")
    signed: Annotated[str, AfterValidator(_check_signed)] = Field(
        "{body}",
        description="what is signed, of {method} {path} {query} {url} {host} {body} {body_hash} {timestamp} {nonce}",
    )
    header: FreeHeaderName = Field("X-Signature", description="the header that carries the signature")
    prefix: str = Field("", description="a text before the signature, e.g. sha256=")
    timestamp_header: FreeHeaderName | None = Field(None, description="the header that carries {timestamp}")
    timestamp: Literal["unix", "unix_ms", "iso"] = Field("unix", description="how {timestamp} is written")
    nonce_header: FreeHeaderName | None = Field(None, description="the header that carries {nonce}")
    key_header: FreeHeaderName | None = Field(None, description="the header that carries key_id")
    key_id: str | None = Field(None, description="the name of the key")


class OAuth2(Settings):
    """Client credentials (RFC 6749, 4.4); the token is kept until shortly before it expires."""

    token_url: Url = Field(description="where tokens are given out")
    client_id: str = Field(description="the client's id")
    client_secret: SecretStr = Field(description="the client's secret")
    scopes: list[str] = Field(default_factory=list, description="the scopes to ask for")
    audience: str | None = Field(None, description="the audience, where a server wants one")
    style: Literal["basic", "body"] = Field(
        "basic", description="whether the client names itself in a header or the form"
    )


class Auth(Settings):
    """How the request proves who sends it: exactly one of these."""

    bearer: SecretStr | None = Field(None, description="a token in the Authorization header")
    basic: Basic | None = Field(None, description="user name and password")
    api_key: ApiKey | None = Field(None, description="a key in a header or in the query")
    hmac: Hmac | None = Field(None, description="a signature over the request")
    oauth2: OAuth2 | None = Field(None, description="client credentials")


def _one_kind(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) != 1:
        raise ValueError(
            f"choose exactly one of {', '.join(Auth.model_fields)}; found {', '.join(map(str, value)) or 'none'}"
        )
    return value


class FilePart(Settings):
    """A file in a multipart form."""

    content: Template = Field(description="the file's text, with {parameters}")
    filename: Template = Field(description="the file's name")
    type: str = Field("text/plain", description="its media type")


class Request(Settings):
    """The HTTP call."""

    method: Method = Field("GET", description="GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE")
    url: Url = Field(description="the address, with {parameters} in path and query; never in the host")
    query: dict[str, Templates] = Field(
        default_factory=dict,
        description="query parameters; a list repeats its name; an absent optional one is left out",
    )
    headers: dict[FreeHeaderName, Template] = Field(default_factory=dict, description="headers, with {parameters}")
    json_body: Tree = Field(
        None, alias="json", description='the JSON body; a text that is exactly "{x}" keeps the type of x'
    )
    form: dict[str, Templates] | None = Field(None, description="a form body (application/x-www-form-urlencoded)")
    multipart: dict[str, Template | FilePart] | None = Field(None, description="a multipart form: texts, or files")
    auth: Annotated[Auth | None, BeforeValidator(_one_kind)] = Field(
        None, description="bearer, basic, api_key, hmac or oauth2"
    )
    timeout: Duration = Field(timedelta(seconds=10), description="for the whole call, retries included")
    retries: int = Field(
        2, ge=0, le=10, description="further attempts of a safe or idempotent call, with back-off and Retry-After"
    )
    idempotent: bool | None = Field(
        None,
        description="whether the server does it once when called twice with one Idempotency-Key; "
        "by default as the method says",
    )

    @field_validator("timeout")
    @classmethod
    def _takes_time(cls, value: timedelta) -> timedelta:
        if not timedelta(0) < value <= timedelta(minutes=5):
            raise ValueError("a call must end within more than nothing and at most 5m")
        return value

    @field_validator("form", "multipart")
    @classmethod
    def _one_body(cls, value: Any, info: ValidationInfo) -> Any:
        earlier = [
            name for name in ("json_body", "form") if name != info.field_name and info.data.get(name) is not None
        ]
        if value is not None and earlier:
            raise ValueError(f"a request has one body; {earlier[0].removesuffix('_body')} is already there")
        return value

    @field_validator("json_body", "form", "multipart")
    @classmethod
    def _body_has_a_place(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("method") in ("GET", "HEAD"):
            raise ValueError(f"a {info.data['method']} request has no body; use query, or method: POST")
        return value

    @property
    def safe(self) -> bool:
        return self.method in SAFE

    @property
    def repeatable(self) -> bool:
        """Whether sending it again with the same key does no harm."""
        return self.method in IDEMPOTENT if self.idempotent is None else self.idempotent


def _check_pick(value: Any) -> Any:
    if isinstance(value, str):
        return {"": value}
    return value


StatusKey = Annotated[str, Field(pattern=r"^([1-5]\d\d|[1-5]xx)$")]


def _status_keys(value: Any) -> Any:
    return {str(key).lower(): text for key, text in value.items()} if isinstance(value, Mapping) else value


class Response(Settings):
    """What is made of the answer."""

    pick: Annotated[dict[str, JsonPath] | None, BeforeValidator(_check_pick)] = Field(
        default=None,
        description="the parts that the model sees, by JSONPath: {status: $.status}, or one path; "
        "all of it when left out",
    )
    limit: ByteSize = Field(default=ByteSize(1024 * 1024), gt=0, description="the largest answer that is read")
    errors: Annotated[dict[StatusKey, Template], BeforeValidator(_status_keys)] = Field(
        default_factory=dict,
        description="what the model is told for a status: {404: No such order, 5xx: The shop is down}",
    )
    cache: Duration | None = Field(default=None, description="how long the answer of a safe call may be used again")
