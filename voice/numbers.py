"""stub"""


def normalise(text: str, language: str) -> str:
    return text
