"""JSON as it comes from models and servers: how deep it is, and texts that can be encoded."""

import math

from actions.action import Json


def deeper_than(value: Json, levels: int) -> bool:
    """Whether a value is nested further than `levels`. Walks without recursion: that is what it protects."""
    here: list[Json] = [value]
    for _ in range(levels):
        here = [
            item
            for each in here
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not here:
            return False
    return True


def encodable(value: Json) -> Json:
    """The same value without lone surrogates, and null for NaN and infinities: what Python reads and no request can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {str(encodable(key)): encodable(item) for key, item in value.items()}
    return value
