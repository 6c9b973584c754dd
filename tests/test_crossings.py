"""Crossings, and many students: full factorials, ranks and paired leads with known answers."""

import numpy as np
import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.study.analyses import architectures, crossings
from rdc_kit.study.grid import experiments
from rdc_kit.study.verdicts import stats

from .conftest import colour_blocks


@pytest.fixture
def bench(fresh_home, exact):
    options = {"epochs": 1, "iterations": 1}
    pool, test = colour_blocks(40), colour_blocks(6, seed=0)
    return experiments.Bench(pool, test, exact, teacher_epochs=6, options=options)


def test_the_crossing_is_full_and_of_equal_storage(bench):
    arms = crossings.crossing_arms()
    assert len({arm.name for arm in arms}) == len(crossings.METRICS) * len(crossings.RULES)
    made = {}
    for cell in experiments.arm_cells(arms, bench, 2, 1):
        stored = bench.make_set(cell)
        assert stored.counts().tolist() == [2, 2, 2]
        made[cell.arm.name] = stored
    alike, near = (made[f"EL2N | 2 x 2, {how}"] for how in ("alike in rank", "neighbours"))
    assert sorted(alike.members.flatten().tolist()) == sorted(near.members.flatten().tolist())
    assert alike.members.tolist() != near.members.tolist()
    assert made["EL2N | 3 x 3, alike in rank"].grid == (3, 3)


def crossing_table():
    draw = np.random.default_rng(0)
    rows = [
        {"arm": arm.name, "seed": seed, "top1": k + draw.normal(0, 0.01)}
        for k, arm in enumerate(crossings.crossing_arms())
        for seed in range(3)
    ]
    facts = {"dataset": "blocks", "size": 16, "ipc": 1, "epochs": 3}
    return pd.DataFrame(rows).assign(**facts)


def test_ranks_run_from_the_best_mean_down():
    found = crossings.crossed(crossing_table())
    assert found["rank"].tolist() == list(range(1, 25))
    assert found.iloc[0][["metric", "rule"]].tolist() == ["random", "3 x 3, alike in rank"]
    assert found["behind"].iloc[-1] == pytest.approx(23, abs=0.1)
    (ax,) = crossings.crossing_figure(crossing_table()).axes
    assert len(ax.texts) == 24
    assert ax.texts[0].get_text().startswith("0.0") or ax.texts[0].get_text().startswith("-0.0")
    assert "n = 3 seeds" in ax.get_title(loc="left") + ax.get_title()


def test_every_distilled_set_becomes_a_pool(bench):
    assert crossings.distilled() == ["sre2l", "cda", "lpld", "gvbsm", "dwa", "rded"]
    table = crossings.on_top(bench, 1, 2, 2, rdc.protocols.hard(epochs=1))
    assert len(table) == 6 * 3 * 2
    assert table.groupby("arm").size().eq(2).all()
    assert set(table["ipc"]) == {1}
    above = table[table["arm"].str.contains(" on ")]
    assert set(above["grid"]) == {"2x2"}
    assert set(above["family"]) == {"pca"}
    assert above.loc[above["arm"].str.startswith("PCA"), "set_seed"].eq(0).all()
    found = stats.differences(table, crossings.on_top_pairs())
    assert len(found) == 12
    hashes = table.groupby("arm")["config_hash"].first()
    assert hashes["PCA on SRe2L"] != hashes["PCA on CDA"]


def test_students_get_the_stem_that_fits_their_images():
    assert architectures.students("resnet18 convnet3-w8 resnet18", 32) == [
        "resnet18-small",
        "convnet3-w8",
    ]
    assert architectures.students("swin_t resnet18", 224) == ["swin_t", "resnet18"]
    with pytest.raises(ValueError, match="unknown network 'resnot'"):
        architectures.students("resnot", 32)


def test_leads_are_paired_within_a_network(bench):
    cells = experiments.grid(
        bench,
        ["el2n", "pca"],
        [1],
        [rdc.protocols.hard(epochs=1)],
        3,
        ["convnet2-w8", "convnet3-w8"],
    )
    table = experiments.run_cells(cells, bench)
    found = architectures.leads(table).set_index(["student", "b"])
    assert len(found) == 2 * 2
    mine = table[table["student"] == "convnet3-w8"].groupby("method")["top1"].mean()
    expected = mine["pca"] - mine["random"]
    assert found.loc[("convnet3-w8", "random"), "difference"] == pytest.approx(expected, abs=1e-3)
    (ax,) = architectures.architectures_figure(table).axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["convnet2-w8", "convnet3-w8"]
    assert ax.get_legend_handles_labels()[1] == ["Random", "EL2N, easiest", "PCA"]
