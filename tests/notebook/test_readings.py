"""Checks of honest reading: what is right is recomputed, and the usual errors are told."""

import numpy as np
import pandas as pd
import pytest

from rdc_kit.ground.folders import checkout
from rdc_kit.notebook import readings
from rdc_kit.notebook.exercises import verdict
from rdc_kit.study.analyses.crossings import crossed
from rdc_kit.study.verdicts import stats


def rows(**tops):
    return pd.DataFrame(
        {"arm": arm, "seed": seed, "top1": top}
        for arm, values in tops.items()
        for seed, top in enumerate(values)
    )


TABLE = rows(a=(50.0, 61.0, 75.0), b=(50.0, 60.0, 70.0))


def around(half, middle=2.0):
    return (middle - half, middle + half)


SD = np.std([0, 1, 5], ddof=1)


def test_an_interval_by_hand():
    low, high = stats.differences(TABLE, [("a", "b")])[["low", "high"]].iloc[0]
    for right in ((low, high), (round(low, 1), round(high, 1))):  # a table has one decimal
        assert "It is True, as you" in verdict("00-3", right, True, TABLE, "a", "b")
    unpaired = (np.std([50, 61, 75], ddof=1) ** 2 / 3 + 100 / 3) ** 0.5
    wrong = {
        "not those of the two lines": around(4.3027 * unpaired),
        "n differences are left": around(2.7764 * unpaired),
        "the lower end comes first": (high, low),
        "1.96 is for many seeds": around(1.96 * SD / 3**0.5),
        "how far single seeds lie apart": around(4.3027 * SD),
        "divides by n here": around(4.3027 * SD * (2 / 3) ** 0.5 / 3**0.5),
        "turned round": (-high, -low),
        "the middle is right": around(1),
        "the middle is right, not": around((high - low) / 2 + 0.1),
        "not the mean difference": (0, 1),
        "expected shape": 3,
    }
    for hint, answer in wrong.items():
        assert hint in verdict("00-3", answer, True, TABLE, "a", "b")


def labelled():
    """Soft labels add 10 to random, 40 to SRe2L and 5 to PCA."""
    found = []
    for method, family, hard, gain in (
        ("random", "baseline", 60, 10),
        ("sre2l", "distillation-noise", 20, 40),
        ("pca", "pca", 80, 5),
    ):
        for protocol, top1 in (("hard", hard), ("soft", hard + gain)):
            found += [
                {"method": method, "family": family, "ipc": 1, "protocol": protocol}
                | {"seed": seed, "top1": top1 + seed}
                for seed in (0, 1)
            ]
    return pd.DataFrame(found)


def test_the_largest_gain():
    table = labelled()
    for name in ("sre2l", "SRe2L"):
        assert "it is distillation-noise" in verdict("01-1", name, "pca", table)
    for name in ("el2n", "EL2N", "EL2N, easiest"):  # as the registry, and as tables call it
        assert readings._largest(name, {"el2n": 2.0, "pca": 1.0}, "the gap") == "el2n"
    assert "the gap of PCA is 5.0" in verdict("01-1", "pca", "pca", table)
    assert "the gap of Random is 10.0" in verdict("01-1", "random", "pca", table)
    assert "expected a method of the table" in verdict("01-1", "sre3l", "pca", table)


def test_the_largest_smallest_accuracy():
    table = pd.DataFrame(
        [("pca", "x", 90), ("pca", "y", 40), ("el2n", "x", 60), ("el2n", "y", 50)],
        columns=["method", "student", "top1"],
    )
    assert "it is y" in verdict("06-1", "el2n", "x", table)
    named = table.replace({"x": "resnet18-small", "y": "convnet4-w64"})
    for said in ("convnet4-w64", "ConvNet-4 (width 64)"):
        assert "It is convnet4-w64, as you" in verdict("06-1", "el2n", said, named)
    for said in ("resnet18", "ResNet-18", "ResNet-18 (small images)"):
        assert "It is resnet18-small, as you" in verdict(
            "06-1", "pca", said, named.assign(top1=[40, 90, 30, 20])
        )
    assert "the lowest accuracy of PCA is 40.0" in verdict("06-1", "pca", "x", table)
    assert "expected a method" in verdict("06-1", 90, "x", table)


def test_metric_and_rule():
    tops = {("a", 1): (10, 10), ("a", 2): (20, 40), ("b", 1): (12, 12), ("b", 2): (42, 34)}
    how = {"order": "easy", "grouping": "rank_block"}
    table = pd.DataFrame(
        [
            how
            | {"arm": metric + str(grid), "metric": metric, "grid": grid, "seed": s, "top1": top}
            for (metric, grid), both in tops.items()
            for s, top in enumerate(both)
        ]
    )
    assert "You predicted 2; it is 1." in verdict("08-1", (5, 23), 2, table)  # b2, in seed 0 only
    assert "changed places" in verdict("08-1", (23, 5), 2, table)
    assert "mean over the other choice" in verdict("08-1", (8, 28), 2, table)


def test_the_best_of_the_committed_crossing_is_the_best_of_one_seed_in_three():
    """As the solution of 08-1 says."""
    table = pd.read_csv(checkout() / "data" / "evidence" / "08-digits-32px-crossing.csv")
    ranked = crossed(table)
    spreads = [
        np.ptp(ranked.groupby(keys)["mean"].mean()) for keys in (["chosen"], ["grid", "grouping"])
    ]
    assert "You predicted 3; it is 1." in verdict("08-1", spreads, 3, table)


BEST = 3 / 3**0.5 * 1.26721  # the mean of the largest of six normal numbers
NUMBERS = [
    ("05-1", 1 - 0.95**20, (20,), "1"),
    ("05-1", 1 - 0.95**23, (23,), "1.15"),
    ("05-2", BEST, (), "2.2"),
    ("07-3", 83.56, (), "84"),  # 1 - 2 sf(4.303 / 2) of a t of two degrees of freedom
    ("91-2", 16, (), "16"),
]


@pytest.mark.parametrize(("exercise", "answer", "given", "shown"), NUMBERS)
def test_numbers_that_theory_knows(exercise, answer, given, shown):
    assert verdict(exercise, answer, 99, *given) == f"right. You predicted 99; it is {shown}."


def test_simulated_numbers_are_those_of_another_simulation():
    draws = np.random.default_rng(5)
    values = draws.normal(0, 2, (30_000, 1)) + draws.normal(0, 2, (30_000, 3))
    half = 4.303 * values.std(1, ddof=1) / 3**0.5
    share = 100 * np.mean(abs(values.mean(1)) < half)
    assert verdict("07-3", share, 1).startswith("right")
    assert share == pytest.approx(readings._one_teacher(83.56), abs=1)
    values = draws.normal(size=(20_000, 10))
    found = [
        stats.half_width(values[0, :n]) / values[0, :n].std(ddof=1) * values[:, :n].std(1, ddof=1)
        < abs(values[:, :n].mean(1))
        for n in range(3, 11)
    ]
    assert verdict("91-3", 100 * np.mean(np.any(found, axis=0)), 1).startswith("right")


@pytest.mark.parametrize(
    ("exercise", "answer", "given", "hint"),
    [
        ("05-1", 0.05 * 20, (20,), "the chance of one or more"),
        ("05-1", 0.95**20, (20,), "the chance of none"),
        ("05-1", 64.15, (20,), "a share between 0 and 1"),
        ("05-1", 64, (20,), "a share between 0 and 1"),
        ("05-2", BEST * 3**0.5, (), "a mean of three"),
        ("05-2", 85 + BEST, (), "how far it lies above 85"),
        ("05-2", 1.0, (), "something else"),
        ("07-3", 95, (), "its own teacher"),
        ("07-3", 50, (), "something else"),
        ("91-2", 3, (), "of studies"),
        ("91-2", 40, (), "fewer are enough"),
        ("91-2", 3.5, (), "is whole"),
        ("91-3", 5, (), "one look at a planned n"),
        ("91-3", 100 * (1 - 0.95**8), (), "not eight independent ones"),
    ],
)
def test_the_usual_errors_are_told(exercise, answer, given, hint):
    said = verdict(exercise, answer, 0, *given)
    assert said.startswith("not yet: ")
    assert hint in said
