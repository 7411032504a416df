"""The demonstration: the sandbox, the sample shop's orders API and the sample agent, in one process."""
