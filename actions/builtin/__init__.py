"""Actions that need no HTTP call: they ask the runtime to do something when the turn is committed."""
