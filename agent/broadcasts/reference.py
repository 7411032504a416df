"""The reference page of a broadcast's file: `python -m agent.broadcasts.reference > docs/reference/broadcast-yaml.md`."""

import sys

from agent.broadcasts.settings import BroadcastSettings
from agent.config.reference import Subject, page

BROADCAST = Subject(
    BroadcastSettings,
    "broadcast.yaml",
    "python -m agent.broadcasts.reference",
    "[broadcasts](../broadcasts.md)",
)

if __name__ == "__main__":
    sys.stdout.write(page(BROADCAST))
