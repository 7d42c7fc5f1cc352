"""`modelwatch generate` on 1,000 copies of a spec, and on one edit among them, beside Sloth on the same SLOs."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from modelwatch.compose import parts
from modelwatch.generate import generators
from modelwatch.model.load import load_fleet
from tests.bench.measure import megabytes, run

COPIES = 1000
SPEC = """apiVersion: modelwatch/v1
kind: Model
metadata: {{name: {name}, owner: ml, tier: critical, description: One of a thousand.}}
serving: {{job: {name}, environment: prod}}
task: {{type: classification, classes: ["no", "yes"], positive_class: "yes"}}
features:
  - {{name: age, type: numeric, range: [0, 120]}}
  - {{name: country, type: categorical}}
slos:
  - {{name: availability, objective: 99.9, window: 30d, sli: errors}}
  - {{name: latency, objective: {objective}, window: 30d, sli: {{latency: 250ms}}}}
"""
SLOTH = """version: prometheus/v1
service: {name}
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(model_predictions_total{{model="{name}",outcome="error"}}[{{{{.window}}}}]))
        total_query: sum(rate(model_predictions_total{{model="{name}"}}[{{{{.window}}}}]))
    alerting: {{name: ErrorBudgetBurn, page_alert: {{}}, ticket_alert: {{}}}}
  - name: latency
    objective: 99
    sli:
      events:
        error_query: sum(rate(model_prediction_duration_seconds_count{{model="{name}"}}[{{{{.window}}}}])) - sum(rate(model_prediction_duration_seconds_bucket{{model="{name}",le="0.25"}}[{{{{.window}}}}]))
        total_query: sum(rate(model_prediction_duration_seconds_count{{model="{name}"}}[{{{{.window}}}}]))
    alerting: {{name: LatencyBudgetBurn, page_alert: {{}}, ticket_alert: {{}}}}
"""


def _shares(models: Path) -> None:
    start = time.process_time()
    fleet = load_fleet(models).unwrap()
    print(f"  of it: load and check    {time.process_time() - start:7.2f} s CPU")
    for name, generator in generators().items():
        start = time.process_time()
        files = generator(fleet)
        size = sum(len(text) for text in files.values()) / 1e6
        print(f"  of it: {name:<17} {time.process_time() - start:7.2f} s CPU {size:8.2f} MB in {len(files)} files")


def main() -> None:
    sloth = parts.find("sloth")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        models, peer = root / "models", root / "sloth"
        models.mkdir()
        peer.mkdir()
        for number in range(COPIES):
            name = f"model-{number:04}"
            (models / f"{name}.yaml").write_text(SPEC.format(name=name, objective=99))
            (peer / f"{name}.yaml").write_text(SLOTH.format(name=name))
        command = [
            sys.executable,
            "-m",
            "modelwatch.cli.main",
            "generate",
            "--models",
            models,
            "--out",
            root / "generated",
        ]
        print(f"\n{COPIES} copies of a spec")
        ours = run(command, root)
        print(f"modelwatch generate    {ours} {megabytes(root / 'generated'):8.2f} MB")
        _shares(models)
        again = run(command, root)
        print(f"  again, nothing new   {again}")
        (models / "model-0500.yaml").write_text(SPEC.format(name="model-0500", objective="99.5"))
        edit = run(command, root)
        print(f"  one edit among them  {edit}")
        if sloth is None:
            print("Sloth is not here: `modelwatch tools install sloth`")
            return
        (root / "sloth-out").mkdir()
        theirs = run([sloth, "generate", "-i", peer, "-o", root / "sloth-out"], root)
        print(f"sloth generate         {theirs} {megabytes(root / 'sloth-out'):8.2f} MB (rules only)")
        print(
            f"ratio to Sloth: {ours.cpu / theirs.cpu:.1f} times its CPU, {ours.peak / theirs.peak:.1f} times its memory"
        )


if __name__ == "__main__":
    main()
