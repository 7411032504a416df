"""The real thing: `balas serve` as a process, the sandbox as its platform, a stub of a model server, all over HTTP."""
