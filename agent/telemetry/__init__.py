"""What the agent does, as seen from outside: durations for `/metrics`, and OpenTelemetry where the environment asks for it.

`spans` is what the rest of the agent calls; it knows nothing of OpenTelemetry. `otlp` exports, and is imported only when on.
"""
