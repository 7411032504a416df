"""What can go wrong with payments.

QrisError (an ActionsError)
├── PayloadError        a code cannot be read or used: `position` (characters from 0) and `reason`
│   └── EditRefused     the code is readable, but an amount must not be put into it
├── ImageError          an image could not be read, or a rendered code did not read back as it should
└── GatewayError        a payment gateway
    ├── GatewayUnavailable    no answer, 429 or 5xx: trying again later can help
    ├── GatewayRefused        it said no; trying the same again does not help
    └── NotificationError     a notification that must not be believed
        ├── NotificationForged     its signature is missing or wrong: answer 401
        └── NotificationUnreadable it is signed, but not the gateway's format: answer 400
"""

from actions.errors import ActionsError


class QrisError(ActionsError):
    """Base class."""


class PayloadError(QrisError, ValueError):
    """A payload cannot be read or used.

    `position` counts characters from 0, in the text without the white space around it; `reason` says what is wrong.
    """

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(f"at character {position}: {reason}")
        self.reason = reason
        self.position = position


class EditRefused(PayloadError):
    """The code can be read, but putting an amount into it would be wrong: not ours, single-use, or damaged."""

    def __str__(self) -> str:
        return self.reason


class ImageError(QrisError):
    """No QR code could be read from an image, or what was read is not what was drawn."""


class GatewayError(QrisError):
    """Base class for payment gateways."""


class GatewayUnavailable(GatewayError):
    """The gateway did not answer, or asked to wait. Nothing is known about the outcome of what was asked."""


class GatewayRefused(GatewayError):
    """The gateway understood and said no."""


class NotificationError(GatewayError):
    """A payment notification that must not be believed."""


class NotificationForged(NotificationError):
    """The signature or token is missing or wrong."""


class NotificationUnreadable(NotificationError):
    """The sender is genuine, or cannot be told, but the body is not what the gateway documents."""
