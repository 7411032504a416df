"""`make bench`: run the benchmarks, or those named: `make bench ARGS="overhead retrieval"`, with options for them at the end."""

import importlib
import sys

BENCHMARKS = (
    "overhead",
    "history",
    "concurrency",
    "workers",
    "simulation",
    "prompt",
    "retrieval",
    "knowledge",
    "voice",
    "lists",
)


def main() -> None:
    words = sys.argv[1:]
    end = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:end] or list(BENCHMARKS), words[end:]
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"there is no benchmark {name!r}; choose from {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n== {name} ==", flush=True)
        sys.argv = [name, *options]
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
