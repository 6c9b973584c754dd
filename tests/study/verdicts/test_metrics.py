"""Metrics beyond accuracy: known answers, scipy, and pairs seed by seed."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats as reference

from rdc_kit.study.grid import arms
from rdc_kit.study.grid.arms import method_arms
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.verdicts import metrics, stats

from ..conftest import HARD1, large_setup


def test_lrs_is_on_fractions_and_lies_in_0_to_1():
    middle = (1 - math.exp(-1)) / (math.e - math.exp(-1))
    assert metrics.lrs(50, 50, 30, 30) == pytest.approx(middle) == pytest.approx(0.269, abs=1e-3)
    assert metrics.lrs(0, 100, 100, 0) == pytest.approx(1)
    assert metrics.lrs(100, 0, 0, 100) == pytest.approx(0)
    assert 0 < metrics.lrs(80, 70, 60, 30) < 1  # 9371 in the released code, which takes percent


def test_ranking_compares_with_full_data_and_with_random_of_the_same_ipc():
    rows = [
        ("random", "baseline", 1, "hard", 0, 20), ("random", "baseline", 1, "soft", 0, 40),
        ("random", "baseline", 1, "hard", 1, 22), ("random", "baseline", 1, "soft", 1, 44),
        ("pca", "pca", 1, "hard", 0, 31), ("pca", "pca", 1, "soft", 0, 41),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "family", "ipc", "labels", "seed", "top1"])
    table = table.assign(arm=table["method"])
    found = metrics.ranking(table, full=81).set_index("method")
    assert found.loc["random", ["hard", "soft", "gap", "hlr"]].tolist() == [21, 42, 21, 60]
    assert found.loc["pca", ["ior_hard", "ior_soft"]].tolist() == [10, -1]
    assert found.loc["pca", "lrs"] == pytest.approx(metrics.lrs(81, 31, 41, 42))
    with pytest.raises(ValueError, match="no runs with soft labels"):
        metrics.ranking(table[table["labels"] == "hard"], 81)
    with pytest.raises(ValueError, match="no random baseline"):
        metrics.ranking(table[table["method"] == "pca"], 81)
    two = pd.concat([table.assign(student=name) for name in ("a", "b")])
    with pytest.raises(ValueError, match="of student a, b: give the rows of one student at a time"):
        metrics.ranking(two, 81)
    two = pd.concat([table.assign(protocol=name) for name in ("hard", "hard_unmixed")])
    with pytest.raises(ValueError, match="labels hard has 2 rows of seed 0, of protocol hard"):
        metrics.ranking(two, 81)


def test_differences_to_random_are_taken_within_ipc_protocol_and_network():
    rows = [
        (method, ipc, "hard", "net", seed, 10 * ipc + lift + noise * seed)
        for method, lift, noise in (("random", 0, 1), ("pca", 5, 1), ("el2n", -2, 1))
        for ipc in (1, 10)
        for seed in range(3)
    ]
    columns = ["method", "ipc", "protocol", "student", "seed", "top1"]
    table = pd.DataFrame(rows, columns=columns).assign(arm=lambda t: t["method"])
    found = metrics.differences_to_random(table)
    assert list(found.columns[:5]) == ["ipc", "protocol", "student", "a", "b"]
    assert found[["ipc", "a", "difference"]].to_numpy().tolist() == [
        [1, "pca", 5], [1, "el2n", -2], [10, "pca", 5], [10, "el2n", -2],
    ]  # fmt: skip
    assert set(found["b"]) == {"random"}


def test_of_methods_that_are_all_the_same_few_tables_name_a_winner():
    """Uncorrected, more than a third of them did."""
    draw, named = np.random.default_rng(0), [0, 0]
    for _ in range(40):
        rows = [
            ("random" if k == 0 else f"m{k}", seed, 50 + draw.normal())
            for k in range(13)
            for seed in range(3)
        ]
        table = pd.DataFrame(rows, columns=["method", "seed", "top1"])
        plain = metrics.differences_to_random(table.assign(ipc=1, protocol="hard", student="net"))
        for k, found in enumerate((plain, metrics.corrected(plain))):
            named[k] += (found["reading"] != "undecided").any()
    assert named[0] > 8
    assert named[1] <= 4


def test_readings_are_corrected_within_ipc_protocol_and_network():
    lifts = {"random": [0, 0, 0], "el2n": [5, 6, 7], "pca": [9, 0, 3], "ccs": [8, 8.3, 8.1]}
    rows = [
        (name, ipc, seed, 20 + lift)
        for name, line in lifts.items()
        for ipc in (1, 10)
        for seed, lift in enumerate(line)
    ]
    table = pd.DataFrame(rows, columns=["method", "ipc", "seed", "top1"])
    table = table.assign(protocol="hard", student="net")
    found = metrics.corrected(metrics.differences_to_random(table)).set_index(["ipc", "a"])
    alone = [reference.ttest_1samp(lifts[name], 0).pvalue for name in ("el2n", "pca", "ccs")]
    for ipc in (1, 10):
        told = found.loc[ipc]
        assert told["p"].tolist() == pytest.approx(stats.holm(np.array(alone)), abs=1e-3)
        assert told["reading"].tolist() == ["a is higher", "undecided", "a is higher"]
    few = metrics.corrected(metrics.differences_to_random(table[table["seed"] < 2]))
    assert set(few["reading"]) == {"not evidence"}
    assert few["p"].isna().all()
    alone = metrics.differences_to_random(table[table["method"] == "random"])
    assert metrics.corrected(alone).empty
    same = table.assign(top1=50.0)  # no spread: nothing to test
    assert set(metrics.corrected(metrics.differences_to_random(same))["reading"]) == {"undecided"}


def test_two_arms_of_one_method_each_have_a_difference():
    """They were one name to pandas, which failed."""
    lifts = {"random": 0, "pca": 5, "pca grid=3x3": 9}
    rows = [(arm, seed, 20 + lift + seed) for arm, lift in lifts.items() for seed in range(3)]
    table = pd.DataFrame(rows, columns=["arm", "seed", "top1"])
    table = table.assign(method=table["arm"].str.split().str[0], ipc=1, student="net")
    found = metrics.differences_to_random(table.assign(protocol="hard"))
    assert found[["a", "difference"]].to_numpy().tolist() == [["pca", 5], ["pca grid=3x3", 9]]
    leads = metrics.differences_by_student(table)
    assert leads[["b", "difference"]].to_numpy().tolist() == [["random", 5], ["pca grid=3x3", -4]]
    both = [table.assign(protocol=how, labels=how, family="x") for how in ("hard", "soft")]
    gaps = metrics.soft_hard_gaps(pd.concat(both))
    assert gaps["method"].tolist() == metrics.ranking(pd.concat(both), 80)["method"].tolist()
    assert gaps["method"].tolist() == list(lifts)


def test_entropy_of_known_answers():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [50.0, 0.0, 0.0, 0.0]])
    assert metrics.shannon(logits).tolist() == pytest.approx([math.log(4), 0.0], abs=1e-6)
    drawn = torch.randn(20, 7)
    expected = reference.entropy(drawn.softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(metrics.shannon(drawn), expected, rtol=1e-5)
    own = metrics.nll(drawn, torch.arange(20) % 7)
    np.testing.assert_allclose(
        own, -np.log(drawn.softmax(1).numpy()[range(20), np.arange(20) % 7]), rtol=1e-5
    )


def test_the_worked_example_is_the_published_one():
    shown = metrics.counter_example()
    assert shown["NLL"].tolist() == pytest.approx([1.204, 0.916], abs=5e-4)
    assert shown["entropy"].tolist() == pytest.approx([0.611, 1.089], abs=5e-4)


def test_contrasts_pair_each_arm_with_the_full_method(fresh_home):
    setup, found = large_setup(), arms.ablation_parts(1)
    short = {part: found[part] for part in ("step by step", "grid")}
    trials = plan_trials(setup, arms.unique(short), 1, [HARD1], 3)
    table = Experiment(setup, trials).measure()
    rows = metrics.contrasts(table, short).set_index(["part", "a"])
    assert len(rows) == 4 + 3
    assert set(rows["b"]) == {"pca"}
    means = stats.summarise(table).set_index("arm")["mean"]
    expected = means["random"] - means["pca"]
    assert rows.loc[("step by step", "random"), "difference"] == pytest.approx(expected, abs=1e-3)


def test_leads_are_paired_within_a_network(fresh_home):
    setup, students = large_setup(), ["convnet2-w8", "convnet3-w8"]
    trials = plan_trials(setup, method_arms(["el2n", "pca"]), 1, [HARD1], 3, students=students)
    table = Experiment(setup, trials).measure()
    found = metrics.differences_by_student(table).set_index(["student", "b"])
    assert len(found) == 2 * 2
    mine = table[table["student"] == "convnet3-w8"].groupby("method")["top1"].mean()
    expected = mine["pca"] - mine["random"]
    assert found.loc[("convnet3-w8", "random"), "difference"] == pytest.approx(expected, abs=1e-3)


def test_gaps_are_paired_by_seed_with_their_interval():
    rows = [
        ("random", "baseline", ipc, labels, seed, 20 + seed**2 + (labels == "soft") * (5 + seed))
        for ipc in (1, 10)
        for labels in ("hard", "soft")
        for seed in range(3)
        if (ipc, labels) != (10, "soft")
    ]
    table = pd.DataFrame(rows, columns=["method", "family", "ipc", "protocol", "seed", "top1"])
    table = table.assign(arm=table["method"])
    found = metrics.soft_hard_gaps(table).set_index(["method", "ipc"])
    assert ("random", 10) not in found.dropna().index
    row = found.loc[("random", 1)]
    assert (row["gap"], row["n"]) == (6, 3)
    low, high = reference.t.interval(0.95, 2, 6, reference.sem([5, 6, 7]))
    assert row["ci95"] == pytest.approx((high - low) / 2)
    with pytest.raises(ValueError, match="of student a, b: give the rows of one student at a time"):
        metrics.soft_hard_gaps(pd.concat([table.assign(student=name) for name in ("a", "b")]))
    for here, absent in (("hard", "soft"), ("soft", "hard")):
        with pytest.raises(ValueError, match=f"no runs with the protocol '{absent}'"):
            metrics.soft_hard_gaps(table[table["protocol"] == here])


def test_an_arm_that_stores_what_no_random_does_has_no_difference():
    """The whole table ended without its summary."""
    rows = [
        {"method": method, "arm": method, "ipc": ipc, "protocol": "hard", "student": "a",
         "seed": seed, "top1": 50.0 + seed}
        for method, ipc in (("random", 4), ("el2n", 4), ("pca", 1))
        for seed in range(3)
    ]  # fmt: skip
    found = metrics.differences_to_random(pd.DataFrame(rows))
    assert found["a"].tolist() == ["el2n"]
    with pytest.raises(ValueError, match="no random baseline"):
        metrics.differences_to_random(pd.DataFrame(rows).query("method == 'pca'"))
