"""Index lists hold what `select` would take."""

import pandas as pd
import torch

import rdc_kit as rdc
from rdc_kit.prune.indexlists import write_index_lists
from rdc_kit.prune.recorders import Scores

from .test_scorefiles import run_of


def test_the_first_k_of_a_class_are_the_selection_of_k(blocks, tmp_path):
    run = run_of(blocks, seed=3)
    run.values["aum"] = (run.values["aum"] * 2).round()  # many ties, which the seed breaks
    write_index_lists(tmp_path / "lists.parquet", blocks, [run])
    table = pd.read_parquet(tmp_path / "lists.parquet")
    assert len(table) == 2 * 2 * 18
    for name in ("el2n", "aum"):
        scores = Scores(name, run.values[name], blocks.row_ids)
        for order in ("easy", "hard"):
            mine = table[(table["score"] == name) & (table["order"] == order)]
            for count in (1, 4):
                kept = rdc.select(blocks, scores, count, order, seed=3)
                rows = mine.loc[mine["rank"] < count, "row_id"].tolist()
                assert rows == kept.row_ids.tolist()
            values = torch.tensor(mine["value"].to_numpy().copy())
            assert torch.equal(values, scores.values[mine["row_id"].to_numpy().copy()])
