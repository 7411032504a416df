"""Keeping the knowledge up to date: what has changed in folders and on the web, since when, and what went wrong."""
