"""AIsoule's HTTP API in both dialects: what is sent, how it is refused, logins, contacts, templates, campaigns and accounts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx

from messaging.errors import Invalid, Unauthorized, Unsupported
from messaging.formatting import numbered
from messaging.limiter import Quota
from messaging.settings import LoginSettings
from messaging.transport import Refusal, Transport, success_of
from messaging.types import (
    AttachmentKind,
    File,
    Outbound,
    QuickReplies,
    Template,
    Text,
)
from messaging.values import (
    Json,
    first,
    integer,
    items,
    mapping,
)
from messaging.whatsapp import interactive_of, kind_of_code, template_components

Dialect = Literal["help", "docs"]

_SENT_AS: Mapping[AttachmentKind, str] = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_MOST_PAGES = 200


def send_body(message: Outbound, receiver: str, dialect: Dialect, account: str | None = None) -> dict[str, Json]:
    """Build the body of a message.

    Args:
        message: what is sent.
        receiver: E.164.
        dialect: whose words are spoken.
        account: the account to send from. The help centre cut off how the field is called; its webhooks say `whatsapp_account_id`.

    Raises:
        Invalid: an empty text.
        Unsupported: a kind of message that the dialect does not know.
    """
    is_help = dialect == "help"
    body: dict[str, Json] = {"to": receiver if is_help else receiver.removeprefix("+")}
    if is_help and account is not None:
        body["whatsapp_account_id"] = account
    match message:
        case Text(words) if not words.strip():
            raise Invalid("the text of a message is empty")
        case Text(words):
            return {**body, "type": "text", "text": words if is_help else {"body": words}}
        case File():
            kind = _SENT_AS[message.kind]
            media: dict[str, Json] = {"url" if is_help else "link": message.url}
            if kind == "document" and not is_help:
                media["filename"] = urlsplit(message.url).path.rpartition("/")[2] or "file"
            return {**body, "type": kind, kind: media}
        case QuickReplies():
            interactive = interactive_of(message) if is_help else None
            if interactive is None or interactive["type"] != "button":
                return send_body(Text(numbered(message.title, message.replies)), receiver, dialect, account)
            return {**body, "type": "interactive", "interactive": interactive}
        case Template():
            language: Json = message.language if is_help else {"code": message.language}
            template: dict[str, Json] = {
                "name": message.name,
                "language": language,
                "components": template_components(message),
            }
            return {**body, "type": "template", "template": template}
    raise Unsupported(f"AIsoule sends no {type(message).__name__}")


def read_refusal(status: int, answer: Mapping[str, Json]) -> Refusal:
    """`{"message", "status": "error"}` or `{"success": false, "error": {code, message, retry_after_seconds}}`"""
    problem = mapping(answer.get("error")) or answer
    code = first(problem, "code")
    return Refusal(
        first(problem, "message") or first(answer, "error"),
        code,
        kind_of_code(status, integer(code)),
        failed=answer.get("status") == "error" or answer.get("success") is False,
        wait=integer(problem.get("retry_after_seconds")),
    )


class Access:
    """Proves who we are: a key in a header, or the cookie of a login."""

    def __init__(self, dialect: Dialect, token: str, login: LoginSettings | None) -> None:
        self.login = login
        self._cookie: str | None = None
        self._header = {"X-API-Key": token} if dialect == "help" else {"Authorization": f"Bearer {token}"}

    @property
    def headers(self) -> Mapping[str, str] | None:
        """What a request carries; `None` before the login."""
        if self.login is None:
            return self._header
        return None if self._cookie is None else {"Cookie": self._cookie}

    def logged_in(self, response: httpx.Response) -> None:
        """Keep the session of an answer to a login. Raises `Unauthorized` when it sets no cookie."""
        cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
        if not cookies:
            raise Unauthorized("the login set no session cookie", status=response.status_code, call="POST /auth/login")
        self._cookie = cookies

    def logged_out(self) -> bool:
        """Forget the session; whether there is a way to get another."""
        self._cookie = None
        return self.login is not None


class AisouleApi:
    """The HTTP calls of one dialect: contacts, templates, campaigns and accounts; answers without their envelope."""

    def __init__(self, transport: Transport, dialect: Dialect, access: Access) -> None:
        self._transport = transport
        self._dialect = dialect
        self._access = access

    async def call(self, method: str, path: str, **content: object) -> Mapping[str, Json]:
        """Make one request, after a login where there is none; one that the session has expired for is made again.

        Args:
            content: of the body, as httpx takes it: `json=`, `files=`, ….

        Raises:
            PlatformError: as `messaging.errors` tells them apart.
        """
        for last in (False, True):
            if self._access.headers is None:
                await self._log_in()
            response, quota = await self._request(method, path, **content)
            if response.status_code != 401 or last or not self._access.logged_out():
                break
        call = f"{method} {path}"
        if response.status_code >= 400:
            raise self._transport.error_of(response, quota, call)
        return success_of(response, call)

    async def _request(self, method: str, path: str, **content: object) -> tuple[httpx.Response, Quota]:
        headers = self._access.headers
        return await self._transport.request(method, path, key="key", headers=headers, **content)  # type: ignore[arg-type]

    async def _log_in(self) -> None:
        login = self._access.login
        assert login is not None  # noqa: S101 - a key needs no login
        credentials = {"email": login.email, "password": login.password.get_secret_value()}
        response, quota = await self._request("POST", "/auth/login", json=credentials)
        if response.status_code >= 400:
            raise self._transport.error_of(response, quota, "POST /auth/login")
        self._access.logged_in(response)

    async def contacts(self) -> AsyncIterator[Mapping[str, Json]]:
        """List all contacts, page by page."""
        seen = 0
        for page in range(1, _MOST_PAGES + 1):
            query = {"page": str(page)} if self._dialect == "help" else {"limit": "100", "offset": str(seen)}
            answer = await self.call("GET", "/contacts", params=query)
            data = mapping(answer.get("data")) or answer
            found = [one for item in items(data.get("contacts")) if (one := mapping(item))]
            for one in found:
                yield one
            seen += len(found)
            total = integer(data.get("total")) or integer(mapping(data.get("pagination")).get("total")) or 0
            if not found or seen >= total:
                return

    async def contact(self, identity: str) -> Mapping[str, Json]:
        """Fetch one contact by AIsoule's own id (`help` only)."""
        return _inside(await self.call("GET", self._one(identity)), "contact")

    async def create_contact(self, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        """Create a contact from fields under AIsoule's names. Raises `Conflict` for a number that is there."""
        return _inside(await self.call("POST", "/contacts", json=dict(fields)), "contact")

    async def update_contact(self, identity: str, fields: Mapping[str, Json]) -> None:
        """Set fields of a contact by its id (`help` only)."""
        await self.call("PUT", self._one(identity), json=dict(fields))

    async def delete_contact(self, identity: str) -> None:
        """Delete a contact by its id (`help` only)."""
        await self.call("DELETE", self._one(identity))

    async def templates(self) -> Sequence[Mapping[str, Json]]:
        """List the message templates (`help` only)."""
        return await self._list("/templates", "templates")

    async def campaigns(self) -> Sequence[Mapping[str, Json]]:
        """List the campaigns (`help` only)."""
        return await self._list("/campaigns", "campaigns")

    async def create_campaign(self, campaign: Mapping[str, Json]) -> Mapping[str, Json]:
        """Create a campaign (`help` only). Its fields are documented nowhere and passed on as they are."""
        self._only_help("campaigns")
        return _inside(await self.call("POST", "/campaigns", json=dict(campaign)), "campaign")

    async def accounts(self) -> Sequence[Mapping[str, Json]]:
        """List the WhatsApp accounts (`help`), or the key's own status (`docs`)."""
        if self._dialect == "docs":
            return [await self.call("GET", "/status")]
        return await self._list("/accounts", "accounts")

    async def _list(self, path: str, name: str) -> Sequence[Mapping[str, Json]]:
        self._only_help(name)
        answer = await self.call("GET", path)
        data = answer.get("data")
        listed = items(mapping(data).get(name)) if isinstance(data, Mapping) else items(data)
        return [one for item in listed if (one := mapping(item))]

    def _one(self, identity: str) -> str:
        self._only_help("single contacts")
        if not identity.strip("."):
            raise Invalid(f"{identity!r} is not the id of a contact")
        return f"/contacts/{quote(identity, safe='')}"

    def _only_help(self, what: str) -> None:
        if self._dialect != "help":
            raise Unsupported(f"AIsoule's developer documents know no {what}; use dialect: help")


def _inside(answer: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    data = mapping(answer.get("data")) or answer
    return mapping(data.get(name)) or data
