"""The ledger on a real SQLite file and, where it matters, on a real PostgreSQL."""
