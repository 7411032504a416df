"""`make bench`: run the benchmarks, or those named: `make bench ARGS="overhead retrieval"`."""

import importlib
import sys

BENCHMARKS = ("overhead", "concurrency", "prompt", "retrieval", "knowledge", "voice", "lists")


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"there is no benchmark {name!r}; choose from {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n== {name} ==", flush=True)
        sys.argv = [name]
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
