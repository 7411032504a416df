"""What can go wrong with the ledger.

LedgerError
├── LedgerUnavailable   it cannot be read or written now: full disk, lock, server gone; try again later
├── LedgerLocked        another process owns this SQLite file
└── LeaseLost           another worker took the turn over; what was about to be written must not be
"""


class LedgerError(Exception):
    """Base class."""


class LedgerUnavailable(LedgerError):
    """The database cannot be reached or written; nothing was changed. Waiting helps, or freeing disk space."""


class LedgerLocked(LedgerError):
    """Another process works on this SQLite file; stop it, or use PostgreSQL for several processes."""


class LeaseLost(LedgerError):
    """The lease of a turn ran out and another worker has it."""
