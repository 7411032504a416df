"""Reading what customers write and say: numbers, dates, calendar names, intents, words. This package imports nothing of the house.

The words of a language stand in one file, `data/<code>.toml`, a section for each chapter; a further language is one more file.
"""

from language.tables import languages

__all__ = ["languages"]
