"""The ground floor: settings models, units, the clock, back-off and telephone numbers; it imports nothing of the house."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from settings.base import Settings
    from settings.units import Duration, Rate, format_duration, parse_duration, parse_rate

__all__ = ["Duration", "Rate", "Settings", "format_duration", "parse_duration", "parse_rate"]


# Lazy, because pydantic takes long to import and the processes that read documents do not need it.
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("settings.base" if name == "Settings" else "settings.units"), name)
