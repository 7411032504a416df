"""Python functions as actions."""
