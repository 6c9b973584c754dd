"""Numbers that no change of the code's shape may move: seven lines of 00, three methods of 01.

`held/runs.csv` has the test images of 450 that each training got right, `held/ledger.csv` what the
ledger says of the committed evidence. Recorded on 2 AMX cores (Xeon), torch 2.15.0, one thread.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.study.grid.arms import method_arms, pca_arms
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.setups import LAYERS, Setup
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect

HELD = Path(__file__).parent / "held"


@pytest.fixture
def one_thread():
    """Sums of floats depend on how they are shared out between threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def hits(table):
    return (table["top1"] * 4.5).round().astype(int).tolist()


def held(notebook):
    runs = pd.read_csv(HELD / "runs.csv", dtype={"notebook": str})
    return runs.loc[runs["notebook"] == notebook, "hits"].tolist()


def assert_same(found, expected):
    """Exact on the processor and torch that they were recorded with; a few images elsewhere."""
    processor = Path("/proc/cpuinfo")
    same = torch.__version__.startswith("2.15.0") and processor.is_file()
    same = same and "amx_bf16" in processor.read_text()
    np.testing.assert_allclose(found, expected, atol=0 if same else 20)


def test_the_seven_lines_of_00(fresh_home, exact, one_thread):
    setup = Setup(*rdc.load("digits"), exact, scoring_epochs={"el2n": 2})
    trials = plan_trials(
        setup, pca_arms(2), 1, [rdc.protocols.hard(epochs=8)], 2, frozen=LAYERS[:2]
    )
    assert_same(hits(Experiment(setup, trials).measure()), held("00"))


def test_three_methods_of_01_with_both_labels(fresh_home, exact, one_thread):
    setup = Setup(*rdc.load("digits"), exact, teacher_epochs=8, options={"iterations": 4})
    protocols = [rdc.protocols.hard(epochs=8), rdc.protocols.soft(epochs=8)]
    trials = plan_trials(setup, method_arms(["sre2l", "rded"]), 2, protocols, 2, frozen=LAYERS[:2])
    assert_same(hits(Experiment(setup, trials).measure()), held("01"))


def test_the_ledger_of_the_committed_evidence():
    expected = pd.read_csv(HELD / "ledger.csv")
    found = ledger(collect("evidence"), lines=[])[expected.columns]  # planned rows still come
    for column in ("mean", "low", "high", "size", "epochs", "n"):
        np.testing.assert_allclose(found[column].astype(float), expected[column], rtol=1e-9)
    for column in ("claim", "effect", "dataset", "ipc", "student", "verdict"):
        ours = found[column].astype(object).where(found[column].notna(), "")
        theirs = expected[column].astype(object).where(expected[column].notna(), "")
        assert ours.astype(str).tolist() == theirs.astype(str).tolist()
