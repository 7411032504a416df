"""Bounded worker processes for work on untrusted files: memory, time and size of the answer are limited, a dead worker is replaced."""
