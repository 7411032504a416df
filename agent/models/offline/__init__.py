"""The model that is a program: it answers from passages, actions and fixed sayings, always the same way."""
