"""Bounded worker processes for work on untrusted files: memory, time and size of the answer are limited, a dead worker is replaced."""

from workers.pool import (
    Pool,
    PoolClosed,
    PoolLoad,
    TaskFailed,
    WorkerCrashed,
    WorkerError,
    WorkerSpec,
    WorkerTimeout,
)

__all__ = [
    "Pool",
    "PoolClosed",
    "PoolLoad",
    "TaskFailed",
    "WorkerCrashed",
    "WorkerError",
    "WorkerSpec",
    "WorkerTimeout",
]
