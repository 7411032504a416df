"""What an exception means to the user of a command: one line, and an exit code."""

from agent.errors import BalasError

_INPUT, _OUTSIDE = 1, 3

# By name, so that explaining an error imports nothing that the command has not imported already. The first class of an
# exception's ancestry that is listed here counts.
_CODES = {
    "messaging.errors.NotActive": _INPUT,
    "messaging.errors.PayloadError": _INPUT,
    "messaging.errors.MessagingError": _OUTSIDE,
    "knowledge.errors.EvaluationError": _INPUT,
    "knowledge.errors.GapNotFound": _INPUT,
    "knowledge.errors.NoPlace": _INPUT,
    "knowledge.errors.NoSuchSource": _INPUT,
    "knowledge.errors.Unreadable": _INPUT,
    "knowledge.errors.KnowledgeError": _OUTSIDE,
    "voice.errors.Unintelligible": _INPUT,
    "voice.errors.ModelMissing": _INPUT,
    "voice.errors.ToyModel": _INPUT,
    "voice.errors.VoiceError": _OUTSIDE,
    "actions.errors.McpError": _OUTSIDE,
    "actions.qris.errors.GatewayError": _OUTSIDE,
    "actions.errors.ActionsError": _INPUT,
    "agent.ledger.errors.LedgerError": _OUTSIDE,
    "builtins.FileNotFoundError": _INPUT,
    "builtins.IsADirectoryError": _INPUT,
    "builtins.NotADirectoryError": _INPUT,
    "builtins.PermissionError": _INPUT,
    "builtins.UnicodeDecodeError": _INPUT,
    "builtins.OSError": _OUTSIDE,
}

# Errors of these packages come from what they talk to.
_CLIENTS = {"httpx", "httpcore", "sqlalchemy", "openai", "chromadb", "psycopg"}


def explain(error: BaseException) -> tuple[str, int]:
    """The line for stderr and the exit code."""
    if isinstance(error, BalasError):
        return str(error), error.exit_code
    for kind in type(error).__mro__:
        if (code := _CODES.get(f"{kind.__module__}.{kind.__qualname__}")) is not None:
            return _line(error), code
        if kind.__module__.partition(".")[0] in _CLIENTS:
            return f"{type(error).__name__}: {_line(error)}", _OUTSIDE
    return f"unexpected {type(error).__name__}: {_line(error)} (--debug shows where)", _OUTSIDE


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
