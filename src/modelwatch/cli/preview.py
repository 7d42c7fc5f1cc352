"""modelwatch preview: dashboards and runbooks where there is no Grafana."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelwatch.cli.command import OK, Command, Streams


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dashboards",
        type=Path,
        default=Path("generated/grafana/dashboards"),
        metavar="DIR",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--runbooks", type=Path, default=Path("generated/runbooks"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="where the data is (default: %(default)s)"
    )
    parser.add_argument(
        "--traces", metavar="URL", help="a Jaeger, such as http://127.0.0.1:16686, whose traces are drawn"
    )
    parser.add_argument(
        "--logs", metavar="FILE", help="where the Collector keeps logs (type file): a trace is shown with its lines"
    )
    parser.add_argument(
        "--scrape-interval", default="15s", metavar="DURATION", help="Prometheus' own (default: %(default)s)"
    )
    parser.add_argument("--listen", default="127.0.0.1:3000", metavar="HOST:PORT", help="default: %(default)s")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.compose.preview.server import PreviewError, serve

    try:
        serve(
            dashboards=args.dashboards,
            prometheus=args.prometheus,
            runbooks=args.runbooks if args.runbooks.is_dir() else None,
            listen=args.listen,
            scrape_interval=args.scrape_interval,
            traces=args.traces,
            logs=args.logs,
            out=streams.out,
        )
    except PreviewError as error:
        return streams.fail(str(error))
    return OK


COMMAND = Command(
    "preview",
    "Show the generated dashboards and runbooks in a browser, read-only, with data from any Prometheus.",
    _configure,
    _run,
    ("modelwatch preview", "modelwatch preview --prometheus http://prometheus.internal:9090 --listen 127.0.0.1:3001"),
)
