"""The faces of the platforms that the sandbox can play beside Aelyst, each thin: routes, bodies, refusals and signatures."""

from collections.abc import Callable, Mapping

from messaging.sandbox.aelyst import AelystFace
from messaging.sandbox.face import Face
from messaging.sandbox.faces.aisoule import AisouleDocsFace, AisouleFace
from messaging.sandbox.faces.telegram import TelegramFace
from messaging.sandbox.faces.unipile import UnipileFace
from messaging.sandbox.faces.whatsapp import WhatsAppFace
from messaging.sandbox.faces.zernio import ZernioFace

__all__ = ["FACES"]

FACES: Mapping[str, Callable[[], Face]] = {
    "aelyst": AelystFace,
    "aisoule": AisouleFace,
    "aisoule-docs": AisouleDocsFace,
    "telegram": TelegramFace,
    "unipile": UnipileFace,
    "whatsapp": WhatsAppFace,
    "zernio": ZernioFace,
}
"""By the name that `balas sandbox --platform` takes."""
