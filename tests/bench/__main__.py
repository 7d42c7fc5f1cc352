"""`make bench`: every benchmark, each printing its table; ratios against a peer or a limit of the same run."""

from __future__ import annotations

import argparse
import importlib
import sys

BENCHMARKS = (
    *("generate_thousand", "fleet_rules"),
    *("drift_scores", "ingest_http", "scrape", "client_record", "levels", "false_alarms", "sampling", "tracing_cost"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which to run (default: all)")
    names = parser.parse_args().names or BENCHMARKS
    for name in names:
        importlib.import_module(f"tests.bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
