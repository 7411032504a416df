"""Reading requests: strict pydantic bodies, whose first error is named by its path, and the sandbox behind a request."""

import json
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from messaging.sandbox.errors import Invalid
from messaging.sandbox.state import Sandbox

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=2048)]
EmailAddress = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9 ()-]{6,24}$")]

ModelT = TypeVar("ModelT", bound="Body")
AnyT = TypeVar("AnyT")


class Body(BaseModel):
    """A request body: camelCase on the wire, strict types, unknown keys ignored.

    `union_tags` are the discriminators of the unions inside: pydantic puts the chosen one into the path of an error, where
    the caller never wrote it.
    """

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)
    union_tags: ClassVar[frozenset[str]] = frozenset()


def sandbox_of(request: Request) -> Sandbox:
    """Return the sandbox whose application received this request."""
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox


async def body_of(request: Request) -> bytes:
    """Read the raw body.

    Raises:
        Invalid: it is not JSON. An empty one is returned as it is.
    """
    raw = await request.body()
    try:
        json.loads(raw or b"null")
    except ValueError as error:
        raise Invalid(f"Validation error: the body is not JSON: {error}") from error
    return raw


def read_body(model: type[ModelT], raw: bytes) -> ModelT:
    """Parse a JSON object as `model`.

    Raises:
        Invalid: names the first field that is wrong.
    """
    try:
        return model.model_validate_json(raw or b"null")
    except ValidationError as error:
        raise Invalid(describe(error, model.union_tags)) from error


def read_json(adapter: TypeAdapter[AnyT], raw: bytes) -> AnyT:
    """Parse a body that is no object, e.g. a bare array. Raises as `read_body` does."""
    try:
        return adapter.validate_json(raw or b"null")
    except ValidationError as error:
        raise Invalid(describe(error)) from error


def describe(error: ValidationError, union_tags: frozenset[str] = frozenset()) -> str:
    """Say the first error with its path: `Validation error: message.text: Field required`."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ""
    for before, part in zip((None, *first["loc"]), first["loc"], strict=False):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (part in union_tags and (before == "message" or isinstance(before, int))):
            path += f".{part}" if path else part
    message = first["msg"].removeprefix("Value error, ")
    return f"Validation error: {path}: {message}" if path else f"Validation error: {message}"
