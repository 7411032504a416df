"""Reminders: customers ask to be written to again at a certain time, look up what they asked for, and call it off."""
