"""Ablations: one thing changed at a time, at equal storage, and drawings made of real views."""

import numpy as np
import pytest

import rdc_kit as rdc
from rdc_kit.study.analyses import ablations
from rdc_kit.study.figures import composites as drawings
from rdc_kit.study.grid import arms, experiments
from rdc_kit.study.verdicts import stats

from .conftest import colour_blocks


def small_bench(exact):
    return experiments.Bench(
        colour_blocks(40), colour_blocks(6, seed=0), exact, options={"epochs": 1}
    )


def test_every_arm_stores_as_much_but_the_literal_one(fresh_home, exact):
    bench = small_bench(exact)
    found = ablations.unique(ablations.parts(ipc=4))
    assert len({arm.name for arm in found}) == len(found) == 27
    for cell in experiments.arm_cells(found, bench, 4, 1):
        stored = bench.make_set(cell)
        literal = cell.arm.name == "k = ipc (1 stored)"
        assert stored.counts().tolist() == [1 if literal else 4] * 3, cell.arm.name


def test_what_says_nothing_is_left_out():
    few = ablations.parts(ipc=1)
    assert "grouping" not in few
    assert not [a for a in ablations.unique(few) if a.name.startswith("k = ipc")]
    assert [a for a in ablations.unique(ablations.parts(9, 3)) if a.name == "k = ipc (1 stored)"]


def test_arms_change_the_protocol_and_nothing_else(exact):
    bench, recipe = small_bench(exact), rdc.protocols.hard(epochs=7)
    cells = experiments.arm_cells(ablations.unique(ablations.parts(2)), bench, 2, [5], recipe)
    by_name = {cell.arm.name: cell.protocol for cell in cells}
    assert by_name["PCA"] == recipe
    assert by_name["Cutout 0.5"] == recipe.but(cutout=0.5)
    assert by_name["CutMix, labels unmixed"] == recipe.but(mix="cutmix", loss="ce_unmixed")
    assert by_name["extracted, r = 0.25"] == recipe.but(view="cell", crop=(0.25, 1.0))
    assert {cell.seed for cell in cells} == {5}


def test_contrasts_pair_each_arm_with_the_full_method(fresh_home, exact):
    bench, found = small_bench(exact), ablations.parts(1)
    short = {part: found[part] for part in ("step by step", "grid")}
    cells = experiments.arm_cells(
        ablations.unique(short), bench, 1, 3, rdc.protocols.hard(epochs=1)
    )
    table = experiments.run_cells(cells, bench)
    rows = ablations.contrasts(table, short).set_index(["part", "a"])
    assert len(rows) == 4 + 3
    assert set(rows["b"]) == {"PCA"}
    means = stats.summarise(table).set_index("arm")["mean"]
    expected = means["random"] - means["PCA"]
    assert rows.loc[("step by step", "random"), "difference"] == pytest.approx(expected, abs=1e-3)
    figure = ablations.ablation_figure(table, short)
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["step by step", "grid"]
    assert "n = 3 seeds" in figure.get_suptitle()


def test_the_sweep_draws_a_line_per_view(fresh_home, exact):
    bench = small_bench(exact)
    cells = experiments.arm_cells(
        ablations.crop_arms(crops=(0.5, 1.0)), bench, 1, 2, rdc.protocols.hard(epochs=1)
    )
    table = experiments.run_cells(cells, bench)
    (ax,) = ablations.crops_figure(table).axes
    assert ax.get_legend_handles_labels()[1] == ["whole", "shuffled", "extracted"]
    for line in ax.lines:
        assert line.get_xdata().tolist() == [0.5, 1.0]
    mean = table.loc[table["arm"] == "extracted, r = 1", "top1"].mean()
    np.testing.assert_allclose(ax.lines[2].get_ydata()[1], mean)


def test_another_metric_prunes_otherwise(fresh_home, exact):
    pool = colour_blocks(40)
    made = {
        metric: rdc.compress("pca", pool, 2, metric=metric, epochs=2, runtime=exact)
        for metric in ("el2n", "aum", "forgetting")
    }
    assert made["aum"].members.tolist() != made["el2n"].members.tolist()
    aum = rdc.select(pool, rdc.aum(pool, 2, runtime=exact), 8, "easy")
    assert set(made["aum"].members.flatten().tolist()) == set(aum.row_ids.tolist())
    with pytest.raises(ValueError, match="unknown pruning metric 'amu' - did you mean 'aum'"):
        rdc.compress("pca", pool, 2, metric="amu", runtime=exact)


def test_the_drawing_crops_inside_one_cell_below_and_anywhere_above(exact):
    pool = colour_blocks(8, size=32)
    stored = rdc.compress("pca", pool, 2, order="random")
    axes = drawings.views_drawing(stored, crop=(0.6, 0.9)).axes
    shuffled, extracted = (_orange(axes[k]) for k in (1, 5))
    for box in extracted:
        (x, y), wide, high = box.get_xy(), box.get_width(), box.get_height()
        assert int(x + 0.5) // 16 == int(x + wide - 0.5) // 16
        assert int(y + 0.5) // 16 == int(y + high - 0.5) // 16
    assert all(box.get_width() * box.get_height() > 16 * 16 for box in shuffled)
    with pytest.raises(ValueError, match="no composites"):
        drawings.views_drawing(pool)


def _orange(ax):
    return [
        p for p in ax.patches if p.get_edgecolor()[:3] == pytest.approx((0.835, 0.369, 0), abs=0.01)
    ]


def test_arms_of_the_ablations_share_runs_with_the_first_notebook():
    """The full PCA is the same set under the same view as notebook 00's."""
    mine = next(a for a in ablations.unique(ablations.parts(1)) if a.name == "PCA")
    theirs = next(a for a in arms.pca_arms() if a.name == "easiest, combined, extracted")
    assert mine.options == theirs.options
    assert mine.view in (None, theirs.view)
