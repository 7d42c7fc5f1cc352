"""``python -m modelwatch.compose.preview``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelwatch.compose.preview.server import PreviewError, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLE = "example: modelwatch preview --dashboards generated/grafana/dashboards --runbooks generated/runbooks"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when stopped by the user, 2 when it could not start."""
    parser = argparse.ArgumentParser(
        prog="modelwatch preview", description="Show Grafana dashboards where there is no Grafana.", epilog=_EXAMPLE
    )
    parser.add_argument(
        "--dashboards",
        type=Path,
        default=Path("generated/grafana/dashboards"),
        metavar="DIR",
        help="folder of dashboards (%(default)s)",
    )
    parser.add_argument("--runbooks", type=Path, default=None, metavar="DIR", help="folder of <model>/<Alert>.md")
    parser.add_argument(
        "--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="where the data is (%(default)s)"
    )
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="HOST:PORT", help="%(default)s")
    parser.add_argument(
        "--scrape-interval",
        default="15s",
        metavar="DURATION",
        help="Prometheus' own, for $__rate_interval (%(default)s)",
    )
    parser.add_argument(
        "--traces", metavar="URL", help="a Jaeger, such as http://127.0.0.1:16686, whose traces are drawn"
    )
    parser.add_argument(
        "--logs", metavar="FILE", help="where the Collector keeps logs (type file): a trace is shown with its lines"
    )
    options = parser.parse_args(argv)
    try:
        serve(**vars(options))
    except PreviewError as error:
        sys.stderr.write(f"modelwatch preview: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
