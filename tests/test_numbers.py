"""Numbers that no change of the code's shape may move: seven lines of 00, three methods of 01.

`held/runs.csv` has the test images of 450 that each training got right, `held/ledger.csv` what the
ledger says of the committed evidence. Recorded with torch 2.15.0, one thread, on two processors: a
Xeon with AMX ("amx") and an EPYC of the family 25 ("epyc").
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.folders import local_copies
from rdc_kit.prune import scores
from rdc_kit.study.grid.arms import arm_named, method_arms, pca_arms
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.grid.rowfiles import read_rows
from rdc_kit.study.grid.setups import LAYERS, Seeds, Setup
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


def processor():
    """The processor that numbers were recorded on, if this is one of them; else ""."""
    path = Path("/proc/cpuinfo")
    facts = path.read_text() if path.is_file() and torch.__version__.startswith("2.15.0") else ""
    if "amx_bf16" in facts:
        return "amx"
    return "epyc" if "AMD EPYC" in facts and "avx512_bf16" in facts else ""


def assert_held(found, notebook):
    """Exact on a processor and torch that they were recorded with; some images off elsewhere."""
    runs = pd.read_csv(HELD / "runs.csv", dtype={"notebook": str})
    expected = runs.loc[runs["notebook"] == notebook, processor() or "amx"]
    np.testing.assert_allclose(found, expected, atol=0 if processor() else 30)


def test_the_seven_lines_of_00(fresh_home, exact, one_thread):
    setup = Setup(*rdc.load("digits"), exact, scoring_epochs={"el2n": 2})
    trials = plan_trials(
        setup, pca_arms(2), 1, [rdc.protocols.hard(epochs=8)], 2, frozen=LAYERS[:2]
    )
    assert_held(hits(Experiment(setup, trials).measure()), "00")


def test_three_methods_of_01_with_both_labels(fresh_home, exact, one_thread):
    setup = Setup(*rdc.load("digits"), exact, teacher_epochs=8, options={"iterations": 4})
    protocols = [rdc.protocols.hard(epochs=8), rdc.protocols.soft(epochs=8)]
    trials = plan_trials(setup, method_arms(["sre2l", "rded"]), 2, protocols, 2, frozen=LAYERS[:2])
    assert_held(hits(Experiment(setup, trials).measure()), "01")


def test_the_ledger_of_the_committed_evidence():
    expected = pd.read_csv(HELD / "ledger.csv")
    found = ledger(collect("evidence"), lines=[])[expected.columns]  # planned rows still come
    for column in ("mean", "low", "high", "size", "epochs", "n"):
        np.testing.assert_allclose(found[column].astype(float), expected[column], rtol=1e-9)
    for column in ("claim", "effect", "dataset", "ipc", "student", "verdict"):
        ours = found[column].astype(object).where(found[column].notna(), "")
        theirs = expected[column].astype(object).where(expected[column].notna(), "")
        assert ours.astype(str).tolist() == theirs.astype(str).tolist()


@pytest.mark.real
@pytest.mark.parametrize("setting", ["cifar10-convnet3", "imagenette-convnet4"])
def test_committed_rows_are_of_the_committed_scoring_runs(setting, monkeypatch):
    """Every set that needs no teacher is made again from scores and seeds, to the pixel."""
    copies = local_copies()
    line = next(line for line in read_plan() if line.setting.name == setting)
    if copies is None or not (copies / line.setting.dataset).is_dir():
        pytest.skip(f"RDC_DATA holds no {line.setting.dataset}")

    def train(*_args, **_options):
        raise AssertionError("a scoring run that was not committed")

    monkeypatch.setattr(scores, "fit", train)
    rows = read_rows(line.path).query("family in ('baseline', 'pruning', 'pca')")
    sets = rows.drop_duplicates("set_hash")[
        ["arm", "budget", "scoring_seed", "set_seed", "set_hash"]
    ]
    assert len(sets) > 50
    for arm, ipc, scoring, drawn, expected in sets.itertuples(index=False):
        seeds = Seeds(scoring=int(scoring) if scoring == scoring else 0, set=int(drawn))
        made = line.setting.setup.make(arm_named(arm), ipc, seeds)
        assert made.fingerprint() == expected, f"{arm}, {ipc} per class, {seeds}"
