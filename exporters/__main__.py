"""``python -m modelwatch.exporters``: the sidecar without the command line of the whole kit."""

from __future__ import annotations

from modelwatch.exporters.hangup import remember

if __name__ == "__main__":
    remember()

import argparse  # after remember()
import os
import sys
from pathlib import Path

from modelwatch.exporters.threads import one_thread

one_thread()

from modelwatch.exporters.app import DEFAULT_LISTEN, run  # noqa: E402  # it imports numpy
from modelwatch.model import types as t  # noqa: E402  # after one_thread()
from modelwatch.model.addresses import Addresses, PortError  # noqa: E402  # after one_thread()
from modelwatch.model.diagnostics import SpecError  # noqa: E402  # after one_thread()
from modelwatch.model.load import load_fleet  # noqa: E402  # after one_thread()


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 after a signal, 2 when the sidecar could not run."""
    parser = argparse.ArgumentParser(prog="python -m modelwatch.exporters", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of specs (default: models)")
    parser.add_argument("--state", type=Path, default=None, help="folder that counts are kept in (default: none)")
    parser.add_argument("--listen", help=f"host:port (default: {DEFAULT_LISTEN}, moved by MODELWATCH_PORT_EXPORTER)")
    parser.add_argument("--token-file", type=Path, help="rows need Authorization: Bearer with a token of this file")
    parser.add_argument("--protect-metrics", action="store_true", help="metrics and scores need the token too")
    parser.add_argument("--logs", action="append", default=[], help="folder or pattern of prediction logs; repeatable")
    chosen = parser.parse_args(arguments)
    if chosen.protect_metrics and not chosen.token_file:
        parser.error("--protect-metrics needs --token-file")

    def load() -> t.Fleet:
        return load_fleet(chosen.models).unwrap()

    try:
        listen = chosen.listen or Addresses.native(os.environ).internal["exporter"]
        fleet = load()
    except (SpecError, PortError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(
        fleet,
        chosen.state,
        listen,
        reload=load,
        token_file=chosen.token_file,
        protect_metrics=chosen.protect_metrics,
        logs=chosen.logs,
    )


if __name__ == "__main__":
    raise SystemExit(main())
