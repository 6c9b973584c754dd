"""Published numbers, each with its status and source; numbers that we did not find are left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def published(**where: object) -> pd.DataFrame:
    """The published numbers that match, a row each.

    Args:
        where: column = its value, such as dataset="imagenet-1k", labels="hard", ipc=10.

    Returns:
        Columns: table, dataset, method, family, labels, protocol, student, ipc, top1 (percent),
        std, status, source. A status is "exact" (read from the authors' own code, table or README),
        "second-hand" (copied by another text; the paper's own table was not seen) or
        "second-hand-x2" (the same number in two such texts).

    Raises:
        ValueError: a column that does not exist.
    """
    table = pd.read_csv(Path(__file__).with_name("published.csv"), dtype={"ipc": str})
    for column, value in where.items():
        if column not in table:
            raise ValueError(f"no column {column!r}: use {', '.join(table.columns)}")
        table = table[table[column] == (str(value) if column == "ipc" else value)]
    return table.reset_index(drop=True)
