"""How the tiny Whisper and its notes were made. See `__main__.py`."""
