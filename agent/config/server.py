"""The `server:` part of agent.yaml and the address of the ledger."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from settings import Settings

_STORAGE = re.compile(r"(sqlite|postgresql)(\+[a-z0-9]+)?://.*", re.DOTALL)


class ServerSettings(Settings):
    """How the agent is reached from outside."""

    public_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="The address under which the platform reaches this server; pictures and QR codes are fetched from it.",
        examples=["https://agent.kopisenja.example"],
    )
    api_token: SecretStr | None = Field(
        default=None, description="Bearer token of `/api/v1`; without one it is closed."
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for all.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    @property
    def url(self) -> str:
        """Where the platform reaches this server, as far as the file tells."""
        return self.public_url or f"http://{self.host}:{self.port}"


def _known_storage(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if _STORAGE.fullmatch(text):
        return value
    scheme, separator, _ = text.partition("://")
    found = f"found the scheme {scheme!r}" if separator else "found no scheme"
    raise ValueError(f"must begin with sqlite:/// or postgresql://, {found}; e.g. sqlite:///.balas/balas.db")


Storage = Annotated[SecretStr, AfterValidator(_known_storage)]
"""Where the ledger is kept. It may hold a password and is shown masked."""
