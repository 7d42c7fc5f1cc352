"""Tables to draft specs from, and what a draft says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from modelwatch.model.draft import Draft
from modelwatch.model.load import load_fleet
from modelwatch.model.types import Model


def csv(content: str, name: str = "churn.csv") -> Path:
    path = Path("data") / name
    path.write_text(content)
    return path


def raw(content: bytes, name: str = "churn.csv") -> Path:
    path = Path("data") / name
    path.write_bytes(content)
    return path


def parquet(columns: Mapping[str, Any] | pa.Table, name: str = "churn.parquet") -> Path:
    path = Path("data") / name
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), path)
    return path


def loaded(found: Draft) -> Model:
    """The model of a draft that was written where it belongs and loads without a word."""
    path = Path("models") / f"{found.name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(found.text)
    result = load_fleet(Path("models"))
    assert result.diagnostics == (), found.text
    (model,) = result.unwrap().models
    return model


def reasons(found: Draft) -> dict[str, str]:
    return {one.name: one.reason for one in found.left_out}


ROWS = 60


CHURN = "customer_id,age,plan,active,signup,note,churned\n" + "".join(
    f"{100 + n},{20 + n % 40},{'basic' if n % 3 else 'plus'},{'true' if n % 2 else 'false'},2024-01-{1 + n % 28:02},call {n},{'yes' if n % 5 == 0 else 'no'}\n"
    for n in range(ROWS)
)
