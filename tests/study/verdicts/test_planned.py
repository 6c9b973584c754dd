"""Verdicts on planned lines: not before the planned n, by known numbers, corrected by Holm."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts import planned

from ..grid.plans import plan_in
from .conftest import TESTS, rows_of


@pytest.fixture
def lines(tmp_path, monkeypatch):
    return read_plan(plan_in(tmp_path, monkeypatch))


def judged(lines, *tables):
    lines[0].add(pd.concat(tables).drop_duplicates(["arm", "seed", "protocol"]))
    return planned.judge_lines(lines).set_index("line")


def test_nothing_is_judged_before_the_planned_n(lines):
    _, easy = lines
    three = {"random": [50.0, 51, 52], "el2n": [60.0, 61, 62]}
    row = judged(lines, rows_of(easy, three)).loc["easy"]
    assert row["verdict"] == "pending, 3 of 4"
    assert row["n"] == 3
    assert np.isnan(row["p"])


def test_a_clear_effect_holds_with_the_textbook_interval(lines):
    _, easy = lines
    gains = np.array([9.0, 10, 11, 12])
    four = {"random": [50.0] * 4, "el2n": (50 + gains).tolist()}
    row = judged(lines, rows_of(easy, four)).loc["easy"]
    assert row["verdict"] == "holds"
    low, high = stats.t.interval(0.95, 3, gains.mean(), stats.sem(gains))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((10.5, low, high))
    assert row["p"] == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    # A tenth of the images differ: a binomial share of 400 draws.
    assert (row["high_images"] - row["low_images"]) / 2 == pytest.approx(
        196 * np.sqrt(0.105 * 0.895 / TESTS), rel=0.1
    )


def test_replicates_that_were_known_before_the_plan_do_not_count(lines):
    """With them an effect held that those nobody had seen leave undecided."""
    _, easy = lines
    easy = replace(easy, n=7, known=(4,))
    seven = {"random": [50.0] * 7, "el2n": [60.0, 61, 62, 60, 49, 52, 51]}
    table = rows_of(easy, seven)
    easy.add(table)
    (row,) = planned.judge_lines([easy]).to_dict("records")
    assert (row["n"], row["planned"], row["mean"]) == (3, 3, pytest.approx(2 / 3))
    assert row["verdict"] == "undecided"
    assert row["p"] == pytest.approx(stats.ttest_1samp([-1, 2, 1], 0).pvalue)
    assert (row["low_images"] + row["high_images"]) / 2 == pytest.approx(2 / 3, abs=1)
    (row,) = planned.judge_lines([replace(easy, known=(0,))]).to_dict("records")
    assert row["verdict"] == "holds"
    (row,) = planned.judge_lines([replace(easy, known=(5,))]).to_dict("records")
    assert (row["n"], row["verdict"]) == (7, "exploratory, known before it was planned")
    assert np.isnan(row["p"])
    assert row["change"] == "replicates that nobody had seen when it was planned"


def test_equal_values_tell_no_spread_and_decide_nothing(lines):
    """Best values lie on a few steps, so three replicates are easily equal."""
    _, easy = lines
    (row,) = (
        judged(lines, rows_of(easy, {"random": [50.0] * 4, "el2n": [60.0] * 4}))
        .loc[["easy"]]
        .to_dict("records")
    )
    assert (row["mean"], row["verdict"]) == (10, "undecided")
    assert row["change"]


def test_an_accuracy_that_guessing_reaches_does_not_hold(lines):
    """A forgotten "- random" gave "holds" to every method."""
    random, easy = lines
    table = rows_of(easy, {"random": [50.0] * 4, "el2n": [60.0, 61, 62, 60]})
    table["per_class"] = " ".join(["50.00"] * 10)
    row = judged([random, replace(easy, effects=("el2n",), least=1.0)], table).loc["easy"]
    assert (row["verdict"], row["change"]) == ("undecided", "a least above chance, 10 %")
    above = planned.judge_lines([replace(easy, effects=("el2n",), least=15.0)])
    assert above["verdict"].tolist() == ["holds"]
    difference = planned.judge_lines([replace(easy, least=1.0)])
    assert difference["verdict"].tolist() == ["holds"]


def test_against_the_claim_fails_only_where_an_anchor_was_reproduced(lines):
    random, easy = lines
    against = {"random": [50.0, 51, 50, 51], "el2n": [40.0, 42, 41, 42]}
    table = judged(lines, rows_of(easy, against))
    assert table.loc["random", "verdict"] == "reproduced"
    assert table.loc["easy", "verdict"] == "fails"
    far = [replace(random, anchor=60.0), easy]
    table = planned.judge_lines(far).set_index("line")
    assert table.loc["random", "verdict"] == "not reproduced"
    assert table.loc["easy", "verdict"] == "not confirmed"


def test_the_anchor_with_as_many_images_decides():
    hard, soft = ("setting", "accuracy", "hard"), ("setting", "accuracy", "soft")

    def anchored(where, ipc, *tens):
        known = [(hard, 1, "reproduced"), *((hard, 10, said) for said in tens)]
        return planned._is_anchored({"where": {where}, "ipc": ipc}, known)

    found = {ipc: anchored(hard, ipc, "not reproduced") for ipc in (1, 10, 50)}
    assert found == {1: True, 10: False, 50: True}
    assert anchored(hard, 10, "pending, 1 of 5")
    assert anchored(hard, 10, "not reproduced", "reproduced")
    assert not anchored(soft, 1)
    both = {"where": {hard, soft}, "ipc": 10}  # it compares two protocols: each needs one
    reproduced = (hard, 10, "reproduced")
    assert not planned._is_anchored(both, [reproduced])
    assert planned._is_anchored(both, [reproduced, (soft, 10, "reproduced, for one teacher")])
    assert not anchored(hard, "1 10", "not reproduced")  # an effect with several numbers
    assert anchored(hard, "1 10", "reproduced")


def test_another_network_or_length_needs_an_anchor_of_its_own(lines):
    _, easy = lines

    def where(**changes):
        return planned._judged(replace(easy, **changes), easy.rows(), "el2n - random")["where"]

    assert len({where(), where(epochs=60), where(student="convnet3-w64")}) == 3
    both = replace(easy, protocols=("hard", "soft"))
    (place,) = planned._judged(both, easy.rows(), "random@soft - chance")["where"]
    assert place[-2:] == ("soft", 300)  # chance has no protocol
    assert where(epochs=300) == where()


def test_a_frozen_layer_is_said(lines):
    random, easy = lines
    easy = replace(easy, frozen=("scoring", "set"))
    four = {"random": [50.0] * 4, "el2n": [60.0, 61, 62, 60]}
    row = judged([random, easy], rows_of(easy, four)).loc["easy"]
    assert row["verdict"] == "holds, for one scoring run, one set"
    longer = replace(easy.setting, teacher_epochs=60)
    taught = replace(easy, setting=longer, frozen=("scoring", "teacher"))
    rows = taught.rows().assign(teacher_seed=0)
    said = planned._judged(taught, rows, "el2n - random")["frozen"]
    assert said == "one scoring run, one teacher of 60 epochs"


def test_a_layer_that_an_effect_does_not_use_is_not_said(lines):
    _, easy = lines
    rows = rows_of(easy, {"random": [50.0] * 4, "el2n": [60.0] * 4})
    rows.loc[rows["arm"] == "el2n", "protocol"] = "soft"
    rows.loc[rows["arm"] == "el2n", "teacher_seed"] = 0
    easy = replace(easy, frozen=("scoring", "teacher"))
    effects = ["random", "random@hard", "el2n", "el2n@soft - random@hard", "el2n@hard"]
    said = {effect: planned.shared_layers(easy, rows, effect) for effect in effects}
    both = ["one scoring run", "one teacher"]
    assert list(said.values()) == [[], [], both, both, []]


def test_a_set_that_no_seed_changes_is_said(lines):
    """A method that reads a file gave three "replicates" of one set without a word."""
    random, easy = lines
    table = rows_of(easy, {"random": [50.0] * 4, "el2n": [60.0, 61, 62, 60]})
    drawn = table["arm"] + table["seed"].astype(str)
    own = drawn.where(table["arm"] == "random", "file")
    assert planned.shared_layers(easy, table.assign(set_hash=drawn), "el2n - random") == []
    assert planned.shared_layers(easy, table.assign(set_hash=own), "el2n - random") == ["one set"]
    assert planned.shared_layers(easy, table.assign(set_hash=own), "random") == []
    row = judged([random, easy], table.assign(set_hash=own)).loc["easy"]
    assert row["verdict"] == "holds, for one set"
    # One scoring run has one easiest set: that is said already.
    ranked = replace(easy, frozen=("scoring",))
    said = planned.shared_layers(ranked, table.assign(set_hash=own), "el2n - random")
    assert said == ["one scoring run"]


def test_trainings_on_one_set_are_one_replicate(lines):
    random, easy = lines
    easy = replace(easy, n=8, trainings=2)
    values = {"random": [50.0] * 8, "el2n": [60.0, 62, 58, 60, 59, 61, 61, 61]}
    row = judged([random, easy], rows_of(easy, values)).loc["easy"]
    assert (row["n"], row["planned"]) == (4, 4)
    gains = [11.0, 9, 10, 11]
    low, _ = stats.t.interval(0.95, 3, np.mean(gains), stats.sem(gains))
    assert row["low"] == pytest.approx(low)


def test_holm_is_the_textbooks_example():
    found = planned.holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert planned.holm(np.array([0.9, 0.8])).max() == 1


def test_a_family_is_corrected_together(lines):
    random, easy = lines
    four = {"random": [50.0] * 4, "el2n": [60.0, 61, 62, 60]}
    alone = judged(lines, rows_of(easy, four)).loc["easy", "p"]
    both = planned.judge_lines([random, easy, replace(easy, key="again")]).set_index("line")
    assert both.loc[["easy", "again"], "p"].tolist() == pytest.approx([2 * alone] * 2)
    # A line of the family that is pending counts as soon as it is planned.
    pending = planned.judge_lines([random, easy, replace(easy, key="later", ipc=5)])
    assert pending.set_index("line").loc["easy", "p"] == pytest.approx(2 * alone)


def test_soft_labels_need_an_anchor_of_their_own(lines):
    random, easy = lines
    against = {"random": [50.0, 51, 50, 51], "el2n": [40.0, 42, 41, 42]}
    table = rows_of(easy, against)
    easy = replace(easy, protocols=("soft",), effects=("el2n@soft - random@soft",))
    both = judged([random, easy], table, table.assign(protocol="soft")).loc["easy"]
    assert both["verdict"] == "not confirmed"


def test_the_labels_of_an_effect_are_told(lines):
    _, easy = lines
    assert planned.judge_lines(lines)["labels"].tolist() == ["hard", "hard"]
    soft = replace(easy, protocols=("soft",))  # its effect has no word for it
    both = replace(easy, protocols=("hard", "soft"), effects=("el2n@soft - random@hard",))
    assert planned.judge_lines([soft, both])["labels"].tolist() == ["soft", "hard, soft"]


def test_what_would_change_a_verdict():
    row = {"anchor": 0.0, "least": 0.0, "line": "easy"}
    say = planned.what_would_change
    assert say(row | {"verdict": "pending, 1 of 4"}) == "`rdc evidence --line easy --minutes 60`"
    spread = np.array([-1.0, 0, 1, 2])
    said = say(row | {"verdict": "undecided", "values": spread})
    _, count, _ = said.split()  # about N replicates
    sd, n = spread.std(ddof=1), int(count)
    half, shorter = (stats.t.ppf(0.975, k - 1) * sd / np.sqrt(k) for k in (n, n - 1))
    assert half < spread.mean() <= shorter
    clear = np.array([1.0, 2, 3, 2])  # alone it would hold
    said = say(row | {"verdict": "undecided", "values": clear})
    assert said == "only the correction for its family leaves it undecided"
    firm = np.array([9.0, 10, 11, 12])
    said = say(row | {"verdict": "holds", "values": firm})
    assert said.endswith("more replicate with an effect of the opposite sign")
    more = int(said.split()[0])
    longer = [np.append(firm, np.full(k, -10.5)) for k in (more - 1, more)]
    lows = [stats.t.interval(0.95, len(v) - 1, v.mean(), stats.sem(v))[0] for v in longer]
    assert lows[0] > 0 >= lows[1]
    five = row | {"verdict": "holds", "values": firm - 2.5, "least": 5.0}  # +2, no opposite sign
    assert say(five).endswith("more replicate as far on the other side of 5")
    minus = row | {"verdict": "holds", "values": firm, "least": -0.5}
    assert say(minus).endswith("more replicate as far on the other side of -0.5")
    anchor = row | {"anchor": 26.0, "mean": 28.3, "low": 26.9, "high": 29.7}
    told = "its interval excludes the published number, and reaches 3.7 points away"
    assert say(anchor | {"verdict": "reproduced"}) == told
    wide = anchor | {"low": 25.0, "high": 31.6, "verdict": "reproduced"}
    assert say(wide) == "its interval reaches 5.6 points away"
    assert say(anchor | {"verdict": "reproduced", "low": 25.9, "high": 28.5}) == ""
    assert say(anchor | {"verdict": "not reproduced"}).startswith("another protocol")


@pytest.mark.parametrize(
    ("effect", "value", "unit"),
    [
        ("noise", "top1", "% right"),
        ("noise spectrum=pool - noise", "top1", "points"),
        ("random@soft / random@hard", "top1", "times"),
        ("random@soft / random@hard", "seconds", ""),
        ("best skip of el2n#50 - best skip of el2n#1", "top1", ""),
        ("random - el2n", "stored", ""),
    ],
)
def test_an_effect_on_accuracies_says_its_unit(effect, value, unit):
    """A difference of accuracies had the unit of a claim that asks for a ratio."""
    assert planned.unit_of(effect, value) == unit
