"""The ledger of claims: only what was planned is judged, and nothing hangs on a word."""

import dataclasses

import pandas as pd
import pytest
from scipy import stats

from rdc_kit.ground.folders import evidence_dir
from rdc_kit.methods import METHODS
from rdc_kit.study.figures import names
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts import claims, ledger, ledger_text
from rdc_kit.study.verdicts.tables import collect

from ..grid.plans import PLAN, plan_in
from .conftest import arms, write

GOOD = {"el2n": [80, 81, 82], "random": [60, 62, 61]}


def claim(key):
    return next(one for one in claims.CLAIMS if one.key == key)


def test_a_claim_is_measured_in_every_setting_apart_and_never_judged(fresh_home):
    many = arms({"el2n": [80, 81, 82], "random": [90, 92, 91]}, ipc=10, dataset="mine")
    write(fresh_home, "00_start_here-a", {"runs": pd.concat([arms(GOOD), many])})
    rows = ledger.found_in(claim("C5"), collect())
    assert [(r["ipc"], r["verdict"]) for r in rows] == [(1, "demonstration"), (10, "exploratory")]
    assert [r["mean"] for r in rows] == pytest.approx([20, -10])
    low, high = stats.t.interval(0.95, 2, 20, stats.sem([20, 19, 21]))
    assert (rows[0]["low"], rows[0]["high"], rows[0]["n"]) == (
        pytest.approx(low),
        pytest.approx(high),
        3,
    )


def test_smoke_runs_and_nothing_are_said_to_be_such(fresh_home):
    write(fresh_home, "00_start_here-b", {"runs": arms(GOOD)}, profile="smoke")
    table = ledger.ledger(collect()).set_index("claim")
    assert table.loc["C5", "verdict"] == "smoke"
    assert (table.loc["C12", "verdict"], table.loc["C12", "n"]) == ("not tested", 0)
    assert "anchor" not in table.index


def test_a_claim_about_much_room_is_not_tested_with_little(fresh_home):
    one, fifty = (
        pd.concat(
            arms({key: values}, protocol="soft", ipc=ipc)
            for key, values in {"random": [60, 61, 62], "rded": [50, 50, 50]}.items()
        )
        for ipc in (1, 50)
    )
    write(fresh_home, "01_soft_vs_hard_labels-a", {"runs": pd.concat([one, fifty])})
    (row,) = ledger.found_in(claim("C1, 50 and more per class"), collect())
    assert (row["ipc"], row["effect"]) == (50, "random@soft - rded@soft")
    assert len(ledger.found_in(claim("C1"), collect())) == 2


def test_the_committed_evidence_fills_the_ledger_and_digits_decide_nothing():
    table = ledger.ledger(collect("evidence"))
    judged = table[table["verdict"].str.match("holds|fails|undecided|not confirmed|reproduced")]
    assert len(judged)
    assert (judged["n"] >= judged["planned"]).all()
    assert (judged["n"] >= 3).all()
    assert set(table.loc[table["dataset"] == "digits", "verdict"]) == {"demonstration"}
    assert {"reproduced", "exploratory", "by arithmetic"} <= set(table["verdict"])
    price = table[table["claim"] == "C16, bytes"].iloc[0]
    assert price["mean"] == pytest.approx(38.7, abs=0.1)
    text = ledger_text.as_markdown(table)
    heads = 2 * table["claim"].nunique()  # and the line below each
    assert text.count("\n| ") == len(table) + heads
    assert "](00_start_here.ipynb#The-measurement)" in text
    assert "published 14.4" in text
    assert ledger_text.as_text(table).count("n = ") == len(table)


def test_every_row_is_measured_pending_or_unplanned():
    table = ledger.ledger(collect("evidence"))
    measured, pending, others = ledger.by_plan(table)
    assert sorted([*measured.index, *pending.index, *others.index]) == list(table.index)
    assert (measured["n"] > 0).all()
    assert set(others["verdict"]) == {"exploratory", "demonstration", "by arithmetic"}
    told = f"{len(measured)} of {len(measured) + len(pending)} planned effects are measured"
    assert told in ledger_text.decided(table)
    assert told in (evidence_dir() / "findings.md").read_text()


def test_a_planned_effect_stands_under_the_claim_that_it_tests():
    table = ledger.ledger(collect("evidence"))
    planned = table[table["planned"].notna()].drop_duplicates(["line", "effect"])
    found = planned.set_index(["line", "effect"])["claim"]
    assert found["combining-cifar10-10", "pca - pca order=random"] == "pruning once combined"
    assert found["combining-cifar10-10", "pca - el2n"] == "C8, of the easiest"
    assert found["pruning-cifar10-10", "random - el2n order=hard"] == "C5, hardest"
    assert found["combining-imagenette-1", "el2n - random"] == "C5"
    assert found["bytes-cifar10-10", "pca#10 - random#11"] == "C8"
    assert found["difficulty-cifar10", "best skip of el2n#10 - best skip of el2n#1"] == "C7"
    assert found["labels-cifar10-50", "random@soft - rded@soft"] == "C1, 50 and more per class"
    assert found["labels-cifar10-1", "random@soft - rded@soft"] == "C1"
    assert found["steps-cifar10-10-60", "el2n - random"] == "steps"
    assert found["mixing-cifar10-10", "pca - pca loss=ce_unmixed mix=mixup"] == "C11, unmixed"
    lines = {line.key for line in read_plan()}
    assert lines == set(planned["line"])


@pytest.mark.parametrize("effect", ["el2n - random", "random - el2n"])
def test_a_question_of_the_plans_own_is_a_claim_of_its_own(
    tmp_path, monkeypatch, fresh_home, effect
):
    """An IndexError; or, where a claim has that effect, under that claim."""
    path = plan_in(tmp_path, monkeypatch)
    own = PLAN.replace('["C5"]', '["mine"]').replace('"el2n - random"', f'"{effect}"')
    path.write_text(own)
    write(fresh_home, "00_start_here-a", {"runs": arms(GOOD)})
    table = ledger.ledger(collect(), read_plan(path))
    row = table[table["line"] == "easy"].iloc[0]
    assert (row["claim"], row["says"]) == ("mine", "a question of the plan's own")
    assert "**mine**: a question of the plan's own\n\n| " in ledger_text.as_markdown(table)
    assert "mine: a question" in ledger_text.as_text(table)
    # Beside a claim of the paper that the effect tests, it stands there.
    path.write_text(own.replace('["mine"]', '["mine", "C5"]'))
    table = ledger.ledger(collect(), read_plan(path)).set_index("line")
    assert table.loc["easy", "claim"] == ("C5" if effect == "el2n - random" else "mine")


def test_renaming_every_legend_changes_no_verdict(monkeypatch):
    before = ledger.ledger(collect("evidence"))
    for name in ("METRICS", "VIEWS", "ORDERS", "GROUPING_TITLES", "_VIEWS_OF_PCA", "_ORDERS_OF_PCA",
                 "_MIXES"):  # fmt: skip
        monkeypatch.setattr(names, name, dict.fromkeys(getattr(names, name), "x"))
    for name in ("method_title", "metric_title", "arm_title"):
        monkeypatch.setattr(names, name, lambda *arguments: "x")
    for key, method in METHODS.items():
        monkeypatch.setitem(METHODS, key, dataclasses.replace(method, title="x"))
    after = ledger.ledger(collect("evidence"))
    pd.testing.assert_frame_equal(after, before)
