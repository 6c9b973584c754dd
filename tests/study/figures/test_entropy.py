"""Figures of entropy: a line per method, the curve, the crops that went against each other."""

import numpy as np
import pandas as pd

from rdc_kit.study.figures import entropy

from ..analyses.conftest import curve_of
from ..conftest import large_setup


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
    (alone,) = entropy.entropy_figure(set_table(), {}).axes
    assert [label.get_text() for label in alone.get_yticklabels()] == lines


def test_the_curve_names_its_sets_and_marks_where_they_meet():
    curve = curve_of([0.45, 0.6, 0.8])
    curve["set"] = curve["set"].map({"D": "random", "D'": "el2n"})
    plain = entropy.curve_figure(curve, {}, "random")
    assert plain.axes[0].get_legend_handles_labels()[1] == ["Random"]
    critical = {"el2n": {"r": 0.67, "low": 0.6, "high": 0.7}}
    (ax,) = entropy.curve_figure(curve, critical, "random").axes
    assert ax.get_legend_handles_labels()[1] == ["Random", "EL2N, easiest"]
    assert [text.get_text() for text in ax.texts] == [" r* = 0.67"]
    assert "n = 40" in ax.get_title() + ax.get_title(loc="left")
    never = {"el2n": {"r": np.nan, "low": np.nan, "high": np.nan}}
    assert not entropy.curve_figure(curve, never, "random").axes[0].texts


def test_crops_that_went_against_each_other_are_counted():
    found = pd.DataFrame(
        {"nll": [1, 1, 1, 1], "nll_crop": [0.5, 0.5, 2, 2],
         "entropy": [1, 1, 1, 1], "entropy_crop": [2, 0.5, 2, 0.5]}
    )  # fmt: skip
    likelier, unsure = entropy.changes(found)
    assert likelier.tolist() == [-0.5, -0.5, 1, 1]
    assert unsure.tolist() == [1, -0.5, 1, -0.5]
    (ax,) = entropy.selective_figure(found).axes
    assert "25.0 % of 4 images" in ax.get_title() + ax.get_title(loc="left")
