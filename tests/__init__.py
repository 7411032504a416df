"""Tests mirror the packages; `acceptance` drives the real thing."""
