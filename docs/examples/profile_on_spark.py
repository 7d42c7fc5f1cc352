"""The reference profile of a model from data that lies on a Spark cluster.

    spark-submit docs/examples/profile_on_spark.py SPEC DATA OUTPUT

Each task summarises its own rows where they are; only partial profiles travel. Workers need modelwatch[exporter].
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from modelwatch.exporters.profile import merge_partials, partial_profile, profile_to_json
from modelwatch.model.load import load_model


def main(spec: str, data: str, output: str) -> None:
    model = load_model(Path(spec))

    def summarise(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"part": [partial_profile(model, batches)]})

    spark = SparkSession.builder.getOrCreate()
    parts = spark.read.parquet(data).mapInArrow(summarise, "part binary").collect()
    profile = merge_partials(bytes(row.part) for row in parts)
    Path(output).write_text(profile_to_json(profile), encoding="utf-8")
    sys.stdout.write(f"{output}: {profile.rows} rows, sha256 {profile.sha256}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
