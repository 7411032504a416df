"""Actions that are one HTTP call: their settings, the request they become, and what is made of the answer."""
