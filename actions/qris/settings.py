"""The `payments:` part of agent.yaml."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from actions.qris.code import LARGEST, parse, with_amount
from actions.qris.errors import PayloadError
from actions.qris.gateways.settings import GatewaySettings
from settings import Duration, Settings


def _own_static_code(text: str) -> str:
    """The merchant's static code as it will be used: readable, QRIS, and open to an amount."""
    try:
        code = parse(text)
        with_amount(code, 1000)
    except PayloadError as error:
        raise ValueError(f"not a static QRIS code that can be used: {error}") from error
    return code.text


class QrisSettings(Settings):
    """How customers pay by QRIS: with the merchant's own static code, or with codes of a gateway."""

    payload: Annotated[str, AfterValidator(_own_static_code)] | None = Field(
        None, description="the text of the merchant's own static QRIS; `balas qris show PHOTO` reads it from a picture"
    )
    gateway: GatewaySettings | None = Field(
        None, description="a payment gateway, which issues a code for each payment and reports when it is paid"
    )
    nmid: str | None = Field(
        None, description="the merchant's NMID, as a safeguard: a payload of any other merchant is refused"
    )
    merchant: str | None = Field(
        None, description="the name that captions show; by default the one in the code, which the payer's app shows"
    )
    expires: Duration = Field(timedelta(minutes=15), description="how long a code is offered")
    limit: int = Field(
        10_000_000, ge=1, le=LARGEST, description="rupiah a payment at most; Bank Indonesia allows 10,000,000"
    )
    minimum: int = Field(
        1_000, ge=1, description="rupiah below which the customer is asked first: who writes 50 means 50.000"
    )
    unique_suffix: Literal["add", "subtract"] | None = Field(
        None,
        description="without a gateway: change each amount by 1 to 999 rupiah, so that what arrives tells which order it is for",
    )
    grace: Duration = Field(
        timedelta(hours=1), description="how long after its end a unique amount is kept from being used again"
    )
    label: bool = Field(
        False, description="write the reference into the static code (62/05) too; a few payers' apps may dislike it"
    )

    allow_fee: bool = Field(
        False,
        description="use a static code although the payer's app adds a tip or fee to the amount (objects 55 to 57)",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "QrisSettings":
        if (self.payload is None) == (self.gateway is None):
            raise ValueError("give exactly one of payload (your static QRIS) and gateway")
        if self.unique_suffix is not None and self.gateway is not None:
            raise ValueError("unique_suffix is for a static payload; a gateway tells the orders apart itself")
        if self.minimum > self.limit:
            raise ValueError(f"minimum ({self.minimum}) is above limit ({self.limit})")
        if self.payload is not None and not self.allow_fee and (fee := parse(self.payload).fee):
            raise ValueError(
                f"the payload adds {fee}: the payer's app would ask for more than the card says; "
                "use a code without it, or set allow_fee: true"
            )
        if self.payload is not None and self.nmid is not None:
            found = parse(self.payload).merchant
            if found.nmid != self.nmid:
                raise ValueError(
                    f"the payload belongs to {found.name} with NMID {found.nmid or 'none'}, not to NMID {self.nmid}"
                )
        return self

    def describe(self) -> str:
        """Whom customers will pay, for the operator to check: `WARUNG CONTOH JAYA, JAKARTA PUSAT, NMID ID10…`."""
        if self.gateway is not None:
            return f"codes of {self.gateway.name}"
        merchant = parse(self.payload or "").merchant
        facts = [merchant.name, merchant.city, f"NMID {merchant.nmid}" if merchant.nmid else "no NMID"]
        return ", ".join(fact for fact in facts if fact)


class PaymentsSettings(Settings):
    """`payments:`"""

    qris: QrisSettings | None = Field(None, description="paying by QRIS")
