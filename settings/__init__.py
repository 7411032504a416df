"""The ground floor: settings models, units, the clock, back-off and telephone numbers; it imports nothing of the house."""

from settings.base import Settings
from settings.units import Duration, Rate, format_duration, parse_duration, parse_rate

__all__ = ["Duration", "Rate", "Settings", "format_duration", "parse_duration", "parse_rate"]
