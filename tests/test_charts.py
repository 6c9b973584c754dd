"""Charts of the benchmark and of difficulty: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats as reference

import rdc_kit as rdc
from rdc_kit.commands.benchmark import summary
from rdc_kit.prune.recorders import Scores
from rdc_kit.study.analyses import difficulty
from rdc_kit.study.figures import methods as charts
from rdc_kit.study.figures.base import FAMILY_COLOURS, use_style
from rdc_kit.study.verdicts import published

from .conftest import colour_blocks


@pytest.fixture
def table():
    """Two methods, two ipcs, hard and soft, three seeds; pca is missing at ipc 10, soft."""
    rows = []
    for method, family, lift in (("random", "baseline", 0), ("pca", "pca", 7)):
        for ipc in (1, 10):
            for labels in ("hard", "soft"):
                if (method, ipc, labels) == ("pca", 10, "soft"):
                    continue
                rows += [
                    (method, family, ipc, labels, labels, seed, 20 + ipc + lift + seed**2, 300)
                    for seed in range(3)
                ]
    names = ["method", "family", "ipc", "labels", "protocol", "seed", "top1", "epochs"]
    facts = {"dataset": "blocks", "size": 16, "student": "convnet2-w8", "image_bytes": 5000}
    found = pd.DataFrame(rows, columns=names).assign(**facts)
    return found.assign(label_bytes=np.where(found["labels"] == "hard", 10, 9000))


def markers(ax):
    """x, y and face colour of every marker that stands for a number."""
    lines = [c.lines[0] for c in ax.containers if c.lines]
    return [(x, y, line.get_mfc()) for line in lines for x, y in line.get_xydata()]


def test_the_benchmark_figure_shows_each_mean_and_keeps_what_is_missing_missing(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = charts.labels_figure(table, reference)
    soft, hard, soft_published, hard_published = figure.axes
    assert len(markers(soft)) == 3
    assert len(markers(hard)) == 4
    mean = table.query("method == 'pca' and ipc == 1 and labels == 'hard'")["top1"].mean()
    assert any(x == pytest.approx(mean) and y == 1 for x, y, _ in markers(hard))
    assert "n = 3 seeds" in hard.get_title(loc="left")
    shown = reference.query("labels == 'hard' and method in ['random', 'pca']")
    drawn = markers(hard_published)
    assert sorted(x for x, _, _ in drawn) == sorted(shown["top1"])
    assert {colour for *_, colour in drawn} == {"white"}  # all second-hand
    assert "not found" in [t.get_text() for t in soft_published.texts]  # PCA, soft: never copied
    assert "second-hand" in hard_published.get_title(loc="left")


def test_gaps_are_paired_by_seed_with_their_interval(table):
    table.loc[table["labels"] == "soft", "top1"] += 5 + table["seed"]
    found = charts.gaps(table).set_index(["method", "ipc"])
    assert ("pca", 10) not in found.dropna().index
    row = found.loc[("random", 1)]
    assert (row["gap"], row["n"]) == (6, 3)
    low, high = reference.t.interval(0.95, 2, 6, reference.sem([5, 6, 7]))
    assert row["ci95"] == pytest.approx((high - low) / 2)
    figure = charts.gaps_figure(found.dropna().query("ipc == 1").reset_index())
    assert len(markers(figure.axes[0])) == 2
    assert "n = 3" in figure.axes[0].get_xlabel()


def test_the_price_is_images_and_labels_together(table):
    figure = charts.price_figure(table[table["ipc"] == 1])
    xs = {float(x) for line in figure.axes[0].lines for x in np.atleast_1d(line.get_xdata())}
    assert xs == {5010.0, 14000.0}


def test_the_summary_is_mean_and_sd_as_text(table):
    found = summary(table)
    assert found.loc["random", (1, "hard")] == "22.7 ± 2.1"
    assert list(found.index) == ["random", "pca"]


def scores_of(values, name="el2n", never=None):
    values = torch.tensor(values, dtype=torch.float32)
    return Scores(name, values, torch.arange(len(values)), never)


def test_agreement_is_scipys_spearman():
    draw = np.random.default_rng(0)
    one, two, three = draw.normal(size=(3, 40))
    found = difficulty.agreement({k: scores_of(v) for k, v in zip("abc", (one, two, three))})  # noqa: B905
    assert found.loc["a", "b"] == pytest.approx(reference.spearmanr(one, two).statistic, abs=1e-6)
    assert np.allclose(np.diag(found), 1)
    pair = difficulty.agreement({"a": scores_of(one), "b": scores_of(-one)})
    assert pair.loc["a", "b"] == pytest.approx(-1)
    assert len(difficulty.agreement_figure(found).axes[0].texts) == 9


def test_ties_count_the_share_of_a_class_at_the_cut():
    pool = colour_blocks(per_class=4, classes=2)  # labels 0 1 0 1 ...
    values = [0, 0, 0, 0, 0, 5, 9, 6]  # class 0: 0 0 0 9; class 1: 0 0 5 6
    found = difficulty.ties({"forgetting": scores_of(values, "forgetting")}, pool, [1, 3])
    assert found.loc[("Forgetting", "easiest")].tolist() == [(3 / 4 + 2 / 4) / 2, (3 / 4 + 0) / 2]
    assert found.loc[("Forgetting", "hardest")].tolist() == [0, (3 / 4 + 2 / 4) / 2]


def test_score_histograms_say_how_many_share_the_lowest_value():
    even = scores_of([0, 0, 1, 2], "forgetting", torch.tensor([False, False, False, True]))
    figure = difficulty.plot_scores({"forgetting": even, "el2n": scores_of(np.arange(200.0))})
    texts = [[t.get_text() for t in ax.texts] for ax in figure.axes]
    assert texts == [["50 % share\nthe lowest value"], []]
    heights = sum(patch.get_height() for patch in figure.axes[0].patches)
    assert heights == 3  # the image that was never learned stands apart


def test_the_orders_figure_has_a_line_per_arm(table):
    table = table.assign(arm=table["method"].map({"random": "random", "pca": "EL2N, easiest"}))
    figure = difficulty.orders_figure(table[table["labels"] == "hard"])
    (ax,) = figure.axes
    assert ax.get_legend_handles_labels()[1] == ["random", "EL2N, easiest"]
    random = next(line for line in ax.lines if line.get_label() == "random")
    assert random.get_xydata().tolist() == [[1, 22 + 2 / 3], [10, 31 + 2 / 3]]


def test_every_method_has_a_name_and_a_colour_on_charts():
    assert set(charts.NAMES) == set(rdc.METHODS)
    assert {m.family for m in rdc.METHODS.values()} <= set(FAMILY_COLOURS)


@pytest.fixture(autouse=True)
def look():
    use_style()
    yield
    plt.close("all")
