"""The ledger of claims: verdicts with known answers, and none that hangs on a word."""

import dataclasses

import pandas as pd
import pytest

from rdc_kit.methods import METHODS
from rdc_kit.study.figures import names
from rdc_kit.study.verdicts import claims, ledger
from rdc_kit.study.verdicts.tables import collect

from .conftest import arms, write

GOOD = {"el2n": [80, 81, 82], "random": [60, 62, 61]}


def claim(key):
    return next(one for one in claims.CLAIMS if one.key == key)


@pytest.mark.parametrize(
    ("values", "least", "expected"),
    [
        ([5.0, 5.5, 6.0], 0, "holds"),
        ([5.0, 5.5, 6.0], 5, "undecided"),
        ([5.0, 5.5, 6.0], 9, "fails"),
        ([-1.0, 4.0, 2.0], 0, "undecided"),
        ([5.0, 5.5], 0, "not evidence"),
    ],
)
def test_the_interval_decides(values, least, expected):
    assert ledger.verdict(values, least) == expected
    assert ledger.verdict(values, least, smoke=True) == "not evidence"


def test_a_claim_is_judged_in_every_setting_apart(fresh_home):
    many = arms({"el2n": [80, 81, 82], "random": [90, 92, 91]}, ipc=10)
    write(fresh_home, "00_start_here-a", {"runs": pd.concat([arms(GOOD), many])})
    rows = ledger.judge(claim("C5"), collect())
    assert [(r["ipc"], r["verdict"]) for r in rows] == [(1, "holds"), (10, "fails")]
    assert rows[0]["effect"] == pytest.approx(20)
    assert rows[0]["n"] == 3
    assert rows[0]["low"] < 20 < rows[0]["high"]


def test_smoke_runs_and_nothing_give_no_verdict(fresh_home):
    write(fresh_home, "00_start_here-b", {"runs": arms(GOOD)}, profile="smoke")
    (row,) = ledger.judge(claim("C5"), collect())
    assert row["verdict"] == "not evidence"
    (row,) = ledger.judge(claim("C12"), collect())
    assert (row["verdict"], row["n"]) == ("not tested", 0)


def test_the_committed_evidence_fills_the_ledger():
    table = ledger.ledger(collect("evidence"))
    assert {"holds", "fails", "undecided"} <= set(table["verdict"])
    judged = table[table["verdict"].isin(["holds", "fails", "undecided"])]
    assert (judged["n"] >= 3).all()
    price = table[table["claim"] == "C16, bytes"].iloc[0]
    assert price["effect"] == pytest.approx(38.7, abs=0.1)
    text = ledger.as_markdown(table)
    assert len(text.split("\n")) == len(table) + 2
    assert "](00_start_here.ipynb#The-measurement)" in text
    assert ledger.as_text(table).count("n = ") == len(table)


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
