"""Which files may be sent: those of the agent's folder that its patterns name, and nothing that a path can trick out."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

MOST = 100  # names that a model can be given to choose from


def sendable(root: Path, patterns: Sequence[str]) -> list[str]:
    """The files under `root` that match, as relative POSIX paths, sorted. Hidden ones never do."""
    found = {
        path.relative_to(root).as_posix()
        for pattern in patterns
        if not PurePosixPath(pattern).is_absolute() and ".." not in PurePosixPath(pattern).parts
        for path in root.glob(pattern)
    }
    return sorted(name for name in found if is_inside(root, name))[:MOST]


def is_inside(root: Path, name: str) -> bool:
    """Whether `name` is a file in `root`: not hidden, and not a link that leads out."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or any(part.startswith(".") for part in relative.parts) or "\\" in name or "\0" in name:
        return False
    target = (root / relative).resolve()
    return target.is_relative_to(root.resolve()) and target.is_file()
