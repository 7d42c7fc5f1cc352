"""Numbers of four bytes stay four bytes wide until they are counted, and count as the same numbers of eight would."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelwatch.exporters.counting import Counted, count
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest import ARROW, decode
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.subjects import subjects

# What rounding to four bytes could move across a limit: of the range, of low confidence, of a share.
EDGES = [0.0, -0.0, 23.0, 0.6, 1.0, 1.0 + 2e-6, -2e-6, 0.1, 1e-40, 3e38, 1000.1, np.inf, -np.inf, np.nan]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    model = specs.model()
    reference = specs.write_reference(tmp_path_factory.mktemp("data") / "reference.csv", 5000)
    return layout(model, build_profile(model, reference))


def _counted(planned: Layout, columns: dict[str, NDArray[np.floating]]) -> Counted:
    table = pa.table({name: pa.array(values, from_pandas=False) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return count(planned, decode(bytes(sink.getvalue()), ARROW[0]))


@given(st.integers(0, 2**32), st.sampled_from([1, 50, 2047, 5000]))
@settings(deadline=None, max_examples=60)
def test_a_row_counts_the_same_however_wide_its_numbers_are(planned: Layout, seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    narrow = {
        "hour": rng.uniform(-1, 25, rows).astype(np.float32),
        "distance": rng.normal(1000, 400, rows).astype(np.float32),
        "confidence": rng.uniform(0, 1, rows).astype(np.float32),
    }
    for values in narrow.values():
        for edge in rng.choice(EDGES, 5):
            values[rng.integers(0, rows)] = edge
    wide = {name: values.astype(np.float64) for name, values in narrow.items()}
    found, expected = _counted(planned, narrow), _counted(planned, wide)
    assert found.accepted == expected.accepted
    assert found.errors == expected.errors
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(found.sums, expected.sums)


def test_they_are_not_copied() -> None:
    table = pa.table({"hour": pa.array(np.arange(5000, dtype=np.float32))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (subject, *_) = subjects(specs.model())
    values = Decoded(decode(bytes(sink.getvalue()), ARROW[0])).numbers(subject).values
    assert values.dtype == np.float32
    assert not values.flags.owndata
