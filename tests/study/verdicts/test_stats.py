"""Spread, paired differences and summaries, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as reference

from rdc_kit.study.verdicts import stats

from ..conftest import toy


def test_t_interval_is_scipys():
    values = np.array([48.8, 47.7, 50.0])
    low, high = reference.t.interval(0.95, 2, values.mean(), reference.sem(values))
    assert stats.half_width(values) == pytest.approx((high - low) / 2)
    assert stats.mean_interval(values) == pytest.approx((values.mean(), low, high))
    assert np.isnan(stats.half_width(values[:1]))


def test_differences_are_paired_and_need_three_seeds():
    table = toy({"a": [50, 60, 70], "b": [48, 57.5, 67.9], "c": [70, 50, 61]})
    found = stats.differences(table, [("a", "b"), ("b", "a"), ("a", "c")])
    assert list(found["reading"]) == ["a is higher", "b is higher", "undecided"]
    result = reference.ttest_rel([50, 60, 70], [48, 57.5, 67.9]).confidence_interval()
    assert (found.low[0], found.high[0]) == pytest.approx((result.low, result.high), abs=1e-3)
    few = stats.differences(table[table["seed"] < 2], [("a", "b")])
    assert few.reading[0] == "not evidence"
    with pytest.raises(ValueError, match="no arm 'd'"):
        stats.differences(table, [("a", "d")])


def test_chance_is_one_in_as_many_as_there_are_classes():
    assert stats.chance(pd.DataFrame({"per_class": ["1.00 2.00 3.00 4.00"]})) == 25


def test_a_summary_has_mean_sd_interval_and_n():
    found = stats.summarise(toy({"b": [48.8, 47.7, 50.0], "a": [7]})).set_index("arm")
    assert list(found.index) == ["b", "a"]
    values = np.array([48.8, 47.7, 50.0])
    assert found.loc["b", "mean"] == pytest.approx(values.mean())
    assert found.loc["b", "sd"] == pytest.approx(values.std(ddof=1))
    assert found.loc["b", "ci95"] == pytest.approx(
        reference.sem(values) * reference.t.ppf(0.975, 2)
    )
    assert found.loc["a", ["mean", "n"]].tolist() == [7, 1]
    assert np.isnan(found.loc["a", "sd"])


def test_the_accuracy_table_is_mean_and_sd_as_text():
    values = {("random", 1): [21, 22, 25], ("pca", 1): [28, 29, 32], ("pca", 10): [50]}
    rows = [(*key, seed, v) for key, line in values.items() for seed, v in enumerate(line)]
    table = pd.DataFrame(rows, columns=["method", "ipc", "seed", "top1"])
    table = table.assign(arm=table["method"], protocol="hard", student="convnet2-w8")
    found = stats.accuracy_table(table)
    assert found.loc["random", (1, "hard")] == "22.7 ± 2.1"
    assert found.loc["pca", (10, "hard")] == "50.0"  # one seed has no sd
    assert list(found.index) == ["random", "pca"]
    two = stats.accuracy_table(pd.concat([table, table.assign(student="resnet18")]))
    assert two.loc["random", (1, "hard", "resnet18")] == "22.7 ± 2.1"
    with pytest.raises(
        ValueError, match="method random, ipc 1, protocol hard has 2 rows of seed 0"
    ):
        stats.accuracy_table(pd.concat([table, table.assign(epochs=9)]))


def test_two_arms_of_one_method_are_two_lines():
    """Their mean stood under the method's name."""
    values = {"random": [20, 21, 22], "pca": [30, 31, 32], "pca grid=3x3": [50, 51, 52]}
    facts = {"ipc": 1, "protocol": "hard", "student": "net"}
    table = toy(values).assign(method=lambda t: t["arm"].str.split().str[0], **facts)
    found = stats.accuracy_table(table)
    assert found[1, "hard"].tolist() == ["21.0 ± 1.0", "31.0 ± 1.0", "51.0 ± 1.0"]
    assert list(found.index) == list(values)
    # A single arm has its method's name, whatever is unusual about it.
    large = table[table["arm"] != "pca"]
    assert list(stats.accuracy_table(large).index) == ["random", "pca"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ipc": [1, 5]}, "arm a has 2 rows of seed 0, of ipc 1, 5: give the rows of one ipc"),
        ({"run_hash": ["x", "y"]}, "of run_hash x, y: give the rows of one run_hash at a time"),
        ({}, "arm a has 2 rows of seed 0: give each run once"),
    ],
)
def test_several_rows_of_one_seed_are_no_replicates(columns, message):
    """They counted as such in a summary, and in differences the error was pandas' own."""
    one = toy({"a": [50, 60, 70], "b": [48, 57, 67]})
    given = [{name: values[k] for name, values in columns.items()} for k in range(2)]
    both = pd.concat([one.assign(**facts) for facts in given])
    with pytest.raises(ValueError, match=message):
        stats.summarise(both)
    with pytest.raises(ValueError, match=message):
        stats.differences(both, [("a", "b")])
