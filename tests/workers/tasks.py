"""Handlers that misbehave in every way a worker must survive."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any


class Refused(Exception):
    reason = "refused"


def open_handler(options: Mapping[str, Any]) -> Any:
    if options.get("fails"):
        raise Refused("it does not start")

    def handle(header: Mapping[str, Any], body: bytes, is_dropped: Callable[[], bool]) -> Mapping[str, Any]:
        match header["do"]:
            case "echo":
                return {"said": body.decode(), "umask": os.umask(0o077)}
            case "grow":
                return {"size": len(bytearray(4 * 2**30))}
            case "sleep":
                time.sleep(3_600)
            case "die":
                os._exit(3)
            case "print":
                print("a library prints")
            case "refuse":
                raise Refused("not this one")
            case "much":
                return {"text": "x" * 2_000_000}
        return {}

    return handle
