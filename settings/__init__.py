"""The ground floor: settings models, units, the clock, back-off and telephone numbers; it imports nothing of the house."""

from settings.base import Planned, Settings
from settings.units import Duration, Rate, format_duration, parse_duration, parse_rate

__all__ = ["Duration", "Planned", "Rate", "Settings", "format_duration", "parse_duration", "parse_rate"]
