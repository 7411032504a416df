"""The `balas` command."""

import sys


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    from agent.cli.frame import run

    sys.exit(run(sys.argv[1:]))
