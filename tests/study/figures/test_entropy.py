"""Figures of entropy: a line per method, the curve, the crops that went against each other."""

import numpy as np
import pandas as pd

import rdc_kit as rdc
from rdc_kit.study.figures import entropy
from rdc_kit.study.verdicts.stats import half_width

from ...conftest import colour_blocks
from ..analyses.conftest import curve_of
from ..conftest import large_setup
from .conftest import is_beside


def set_table():
    rows = [
        (name, family, seed, value + seed / 100, value + 0.1)
        for name, family, value in (
            ("random", "baseline", 0.5), ("noise", "baseline", 1.0), ("pca", "pca", 0.2)
        )
        for seed in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "family", "seed", "stored", "seen"])
    return table.assign(dataset="blocks", size=16, ipc=2, observer="colours")


def test_methods_are_sorted_by_the_entropy_of_their_sets():
    setup = large_setup()
    sets = {name: setup.make(name, 2) for name in ("random", "noise", "pca")}
    left, right = entropy.entropy_figure(set_table(), sets).axes
    lines = [label.get_text() for label in left.get_yticklabels()]
    assert lines == ["PCA", "Random", "noise (control)"]
    assert len(right.get_yticks()) == 3
    assert len(left.images) == 1
    assert left.get_title("left") == "blocks, 16 px, 2 per class"
    (alone,) = entropy.entropy_figure(set_table(), {}).axes
    assert [label.get_text() for label in alone.get_yticklabels()] == lines


def test_the_pictures_say_that_they_are_of_some_classes_only():
    """Eight classes of ten were shown without a word."""
    pool = colour_blocks(per_class=4, classes=10)
    sets = {name: rdc.compress(name, pool, 2) for name in ("random", "noise")}
    left, _ = entropy.entropy_figure(set_table(), sets).axes
    assert left.get_title("left") == "blocks, 16 px, 2 per class, 8 of 10 classes"


def test_a_bar_is_the_spread_of_sets_that_differ():
    """Of one set, that three seeds gave again, it was a bar of length zero and n = 3."""
    table = set_table()
    table.loc[table["method"] == "pca", "stored"] = 0.2
    (ax,) = entropy.entropy_figure(table, {}).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["PCA *", "Random", "noise (control)"]
    assert ax.get_title("left").endswith("bar: ± 1 sd, n = 2 sets; * one set, no bar")
    bars = {round(c.lines[0].get_ydata()[0]): len(c.lines[2]) for c in ax.containers}
    assert bars == {0: 0, 1: 1, 2: 1}
    stored = next(c for c in ax.containers if c.lines[0].get_xydata()[0].tolist() == [0.505, 1])
    sd = np.std([0.5, 0.51], ddof=1)
    ends = stored.lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [0.505 - sd, 0.505 + sd])
    alone = entropy.entropy_figure(table[table["seed"] == 0], {}).axes[0]
    assert alone.get_title("left").endswith("one set of each")


def means_of(simple):
    """The curves of `curve_of`, with a seed, and so a set, for each of its 40 values."""
    curve = curve_of(simple)
    curve["set"] = curve["set"].map({"D": "random", "D'": "el2n"})
    return curve.assign(seed=curve["image"])


def test_the_curve_names_its_sets_and_marks_where_they_meet():
    curve = means_of([0.45, 0.6, 0.8])
    curve = curve.assign(dataset="blocks", size=16, ipc=10, observer="colours")
    plain = entropy.curve_figure(curve, {}, "random")
    assert plain.axes[0].get_legend_handles_labels()[1] == ["Random"]
    critical = {"el2n": {"r": 0.67, "low": 0.6, "high": 0.7}}
    (ax,) = entropy.curve_figure(curve, critical, "random").axes
    assert is_beside(ax.get_legend(), ax)
    assert ax.get_legend_handles_labels()[1] == ["Random", "EL2N, easiest: r* = 0.67"]
    assert [text.get_text() for text in ax.texts] == [" r* = 0.67"]
    assert "n = 40" in ax.get_title() + ax.get_title(loc="left")
    assert "blocks, 16 px, 10 per class; observer: colours" in ax.get_title(loc="left")
    for name, band in zip(("random", "el2n"), ax.collections, strict=True):
        values = curve[(curve["set"] == name) & (curve["r"] == 1)]["entropy"].to_numpy()
        drawn = band.get_paths()[0].vertices
        ends = sorted({y for x, y in drawn if x == 1})
        np.testing.assert_allclose(ends, values.mean() + half_width(values) * np.array([-1, 1]))
    never = {"el2n": {"r": np.nan, "low": np.nan, "high": np.nan}}
    (ax,) = entropy.curve_figure(curve, never, "random").axes
    assert not ax.texts
    assert ax.get_legend_handles_labels()[1][1] == "EL2N, easiest: no r*"


def test_a_curve_has_a_band_over_sets_that_differ():
    """One set that three seeds gave again had a band over its draws of crops, and n = 3 sets."""
    points = [(seed, r) for seed in range(3) for r in (0.1, 1.0)]
    draws = pd.DataFrame(points, columns=["seed", "r"])
    random = draws.assign(set="random", entropy=draws["r"] + 0.1 * draws["seed"])
    same = draws.assign(set="el2n", entropy=draws["r"].where(draws["r"] == 1, draws["seed"]))
    two = random.assign(set="rded", seed=[0, 0, 0, 0, 1, 1]).groupby(["set", "seed", "r"])
    plain = pd.concat([random, same, two.mean().reset_index()])
    never = {name: {"r": np.nan, "low": np.nan, "high": np.nan} for name in ("el2n", "rded")}
    hashed = plain.assign(set_hash=[*"aabbcc", *"dddddd", *"eeff"])
    for table in (plain, hashed):
        (ax,) = entropy.curve_figure(table, never, "random").axes
        legend = ax.get_legend_handles_labels()[1]
        assert legend[1] == "EL2N, easiest (one set): no r*"
        assert legend[2].endswith("(2 sets): no r*")
        assert "over n = 3 sets; one set has none\n" in ax.get_title(loc="left")
        assert [line.get_ydata().tolist() for line in ax.lines[1:2]] == [[1.0, 1.0]]
        first, other = (band.get_paths()[0].vertices for band in ax.collections)
        for band, values in ((first, [1.0, 1.1, 1.2]), (other, [1.05, 1.2])):
            half = half_width(np.array(values)) * np.array([-1, 1])
            ends = sorted({y for x, y in band if x == 1})
            np.testing.assert_allclose(ends, np.mean(values) + half)
    # Mirrored at random, one set has another value in each draw, also where nothing is cropped.
    mirrored = hashed.assign(entropy=hashed["entropy"] + 0.01 * hashed["seed"])
    (ax,) = entropy.curve_figure(mirrored, never, "random").axes
    assert ax.get_legend_handles_labels()[1][1] == "EL2N, easiest (one set): no r*"
    (ax,) = entropy.curve_figure(hashed[hashed["seed"] == 0], never, "random").axes
    assert "one set of each, no bands\n" in ax.get_title(loc="left")
    assert not ax.collections


def test_any_number_of_sets_has_a_curve():
    """The fifth ended in an IndexError."""
    curve = means_of([0.45, 0.6, 0.8])
    names = ["random", *(f"set {k}" for k in range(12))]
    table = pd.concat([curve[curve["set"] == "random"].assign(set=name) for name in names])
    none = {name: {"r": np.nan, "low": np.nan, "high": np.nan} for name in names[1:]}
    (ax,) = entropy.curve_figure(table, none, "random").axes
    assert len(ax.lines) == 13


def test_crops_that_went_against_each_other_are_counted():
    found = pd.DataFrame(
        {"nll": [1, 1, 1, 1], "nll_crop": [0.5, 0.5, 2, 2],
         "entropy": [1, 1, 1, 1], "entropy_crop": [2, 0.5, 2, 0.5]}
    )  # fmt: skip
    likelier, unsure = entropy.changes(found)
    assert likelier.tolist() == [-0.5, -0.5, 1, 1]
    assert unsure.tolist() == [1, -0.5, 1, -0.5]
    (ax,) = entropy.selective_figure(found).axes
    assert "25.0 % of 4 images\n" in ax.get_title(loc="left")
    assert [len(dots.get_offsets()) for dots in ax.collections] == [3, 1]
    assert ax.collections[1].get_sizes() > ax.collections[0].get_sizes()  # the few above the many
    again = pd.concat([found.assign(seed=seed) for seed in range(3)])
    (ax,) = entropy.selective_figure(again, "blocks, observer: colours").axes
    said = ax.get_title(loc="left").split("\n")
    assert said[0] == "blocks, observer: colours"
    assert said[1].endswith("25.0 % of 4 images, drawn 3 times")  # not 12 images
