"""Crossings: ranks of a full factorial, and distilled sets as pools."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from rdc_kit.study.analyses import crossings
from rdc_kit.study.grid.arms import crossing_arms, shape_text
from rdc_kit.study.verdicts import stats

from ..conftest import HARD1, large_setup


def crossing_table():
    """Each arm is a point better than the one before; columns as in a grid."""
    draw = np.random.default_rng(0)
    usual = {"metric": "el2n", "order": "easy", "grid": 2, "grouping": "rank_block"}
    rows = [
        {"arm": arm.key, **usual, **arm.options, "seed": seed, "top1": k + draw.normal(0, 0.01)}
        for k, arm in enumerate(crossing_arms())
        for seed in range(3)
    ]
    table = pd.DataFrame(rows)
    table.loc[table["order"] == "random", "metric"] = ""
    facts = {"dataset": "blocks", "size": 16, "ipc": 1, "epochs": 3}
    return table.assign(grid=table["grid"].map(shape_text), **facts)


def test_ranks_run_from_the_best_mean_down():
    found = crossings.crossed(crossing_table())
    assert found["rank"].tolist() == list(range(1, 25))
    assert found.iloc[0][["chosen", "grid", "grouping"]].tolist() == ["random", "3x3", "rank_block"]
    assert found["behind"].iloc[0] == 0
    assert found["behind"].iloc[-1] == pytest.approx(23, abs=0.1)
    assert set(found["n"]) == {3}


def test_every_distilled_set_becomes_a_pool(fresh_home):
    assert crossings.distilled() == ["sre2l", "cda", "gvbsm", "lpld", "dwa", "rded"]
    setup = large_setup(teacher_epochs=6, options={"iterations": 1})
    table = crossings.on_top(setup, 1, 2, 2, HARD1)
    assert len(table) == 6 * 3 * 2
    assert table.groupby("arm").size().eq(2).all()
    assert set(table["ipc"]) == {1}
    above = table[table["pool"] != ""]
    assert set(above["pool"]) == set(crossings.distilled())
    assert set(above["grid"]) == {"2x2"}
    assert set(above["family"]) == {"pca"}
    assert table.loc[table["order"] != "random", "set_seed"].eq(0).all()
    found = stats.differences(table, crossings.on_top_pairs())
    assert len(found) == 12
    hashes = table.groupby("arm")["run_hash"].first()
    assert hashes["pca on=sre2l"] != hashes["pca on=cda"]


def test_a_small_class_gives_a_smaller_set_to_choose_from(fresh_home, monkeypatch):
    """Eight real images to begin from were asked of classes that have six."""
    monkeypatch.setattr(crossings, "distilled", lambda: ["dwa"])
    setup = large_setup(teacher_epochs=20, options={"iterations": 1})
    few = torch.cat([setup.pool.rows_of(label)[:6] for label in range(setup.pool.num_classes)])
    small = replace(setup, pool=setup.pool[few])
    assert len(crossings.on_top(small, 1, 2, 1, HARD1)) == 3
