"""The `gateway:` part of `payments.qris`, one model for each provider."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, SecretStr, Tag

from settings import Settings


class MidtransSettings(Settings):
    """Midtrans Core API."""

    name: Literal["midtrans"] = Field(description="midtrans")
    server_key: SecretStr = Field(description="the account's server key; it also signs notifications")
    acquirer: str = Field("gopay", description="who issues the code")
    base_url: str = Field("https://api.midtrans.com", description="https://api.sandbox.midtrans.com for trying")


class XenditSettings(Settings):
    """Xendit QR codes (API of 2022-07-31) or payment requests (v3, API of 2024-11-11)."""

    name: Literal["xendit"] = Field(description="xendit")
    secret_key: SecretStr = Field(description="the account's secret API key")
    callback_token: SecretStr = Field(description="the webhook verification token of the dashboard")
    version: Literal["2022-07-31", "2024-11-11"] = Field(
        "2022-07-31", description="which API to create codes with; notifications of both are understood"
    )
    base_url: str = Field("https://api.xendit.co", description="where the API is")


class DuitkuSettings(Settings):
    """Duitku merchant API v2."""

    name: Literal["duitku"] = Field(description="duitku")
    merchant_code: str = Field(description="the project's merchant code, e.g. D1234")
    api_key: SecretStr = Field(description="the project's API key; it also signs notifications")
    method: Literal["SP", "NQ", "GQ", "SQ", "LQ"] = Field(
        "SP", description="who issues the code: SP ShopeePay, NQ Nobu, GQ Gudang Voucher, SQ Nusapay, LQ LinkAja"
    )
    signature: Literal["md5", "hmac-sha256"] = Field(
        "md5", description="the scheme of the project, as Duitku set it up"
    )
    email: str = Field("pelanggan@example.com", description="the e-mail address that Duitku demands with every charge")
    base_url: str = Field("https://passport.duitku.com", description="https://sandbox.duitku.com for trying")


class DokuSettings(Settings):
    """DOKU, and other providers of Bank Indonesia's SNAP standard by their base URL."""

    name: Literal["doku"] = Field(description="doku")
    client_id: str = Field(description="the partner's client ID")
    secret_key: SecretStr = Field(description="the shared secret of symmetric signatures")
    private_key: SecretStr = Field(description="our RSA private key (PEM), which signs requests for an access token")
    public_key: str | None = Field(
        None, description="the provider's RSA public key (PEM), where it signs notifications with it"
    )
    merchant_id: str = Field(description="the merchant ID of QRIS")
    terminal_id: str = Field("A01", description="the terminal ID of QRIS")
    postal_code: str | None = Field(None, description="the merchant's postal code, where the provider demands it")
    base_url: str = Field("https://api.doku.com", description="https://api-sandbox.doku.com for trying")
    generate_path: str = Field("/snap-adapter/b2b/v1.0/qr/qr-mpm-generate", description="where codes are created")
    query_path: str = Field("/snap-adapter/b2b/v1.0/qr/qr-mpm-query", description="where their status is asked for")
    cancel_path: str = Field("/snap-adapter/b2b/v1.0/qr/qr-mpm-cancel", description="where they are cancelled")
    token_path: str = Field("/authorization/v1/access-token/b2b", description="where access tokens are given")


GROUP = "balas.gateways"
"""The entry-point group of further gateways; each is a function like `OpenGateway`."""


class AddedGatewaySettings(Settings):
    """A gateway that an installed package adds."""

    name: str = Field(description="as the package names it")
    options: dict[str, Any] = Field(default_factory=dict, description="its settings, as the package documents them")


def _origin(value: Any) -> str:
    """Tell whether a gateway comes along, or is that of a package; one that is unknown is named by the former."""
    name = value.get("name") if isinstance(value, Mapping) else getattr(value, "name", None)
    return "added" if isinstance(name, str) and entry_points(group=GROUP, name=name) else "own"


_Own = Annotated[MidtransSettings | XenditSettings | DuitkuSettings | DokuSettings, Field(discriminator="name")]

GatewaySettings: TypeAlias = Annotated[
    Annotated[_Own, Tag("own")] | Annotated[AddedGatewaySettings, Tag("added")], Discriminator(_origin)
]
