"""Finished rows made again: beside the committed ones, and nothing that was made here."""

import threading

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import evidence_again
from rdc_kit.ground import store
from rdc_kit.study.grid import planfile
from rdc_kit.study.grid.rows import row_of

from ..study.grid.plans import plan_in


@pytest.fixture
def plan(tmp_path, monkeypatch, fresh_home):
    folder = tmp_path / "evidence"
    folder.mkdir()
    monkeypatch.setattr(store, "git_state", lambda: "1234567")
    return plan_in(folder, monkeypatch)


def test_rows_from_elsewhere_are_made_again(plan, tmp_path, monkeypatch, capsys):
    words = ["evidence", "--line", "random", "--workers", "1", "--minutes", "10"]
    assert main(words) == 0
    assert main([*words, "--again"]) == 2  # they were made here
    assert "no finished row of these lines is from elsewhere" in capsys.readouterr().err
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "another machine"))
    before = plan.parent.joinpath("campaign-tiny.csv").read_bytes()
    assert main([*words, "--again"]) == 0
    pairs = pd.read_csv(plan.parent / "again-tiny.csv")
    assert list(pairs.columns) == evidence_again.COLUMNS
    assert len(pairs) == 3
    assert (pairs["top1"] == pairs["top1_there"]).all()  # one machine, bitwise
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("evidence: 3 rows again on CPU")
    assert said.endswith("the same images (3 sets): +0.00 points (+0.00 to +0.00), sd 0.00")
    assert plan.parent.joinpath("campaign-tiny.csv").read_bytes() == before


def test_what_was_made_again_before_a_kill_is_not_forgotten(plan, tmp_path, monkeypatch):
    words = ["evidence", "--line", "random", "--workers", "1", "--minutes", "10"]
    assert main(words) == 0
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "another machine"))
    line = planfile.read_plan()[0]
    row_of(line.trials[1], line.setting.setup)  # and killed before its pair was written
    path = plan.parent / "again-tiny.csv"
    for code in (0, 2):  # once
        assert main([*words, "--again"]) == code
        assert pd.read_csv(path)["seed"].tolist() == [0, 1, 2]


def test_pairs_that_processes_add_at_the_same_time_are_all_kept(tmp_path):
    path, threads = tmp_path / "again-x.csv", []
    with store.lock_of(path):
        for who in ("a", "b"):
            pair = pd.DataFrame([dict.fromkeys(evidence_again.COLUMNS, who)])
            threads.append(threading.Thread(target=evidence_again.add_pairs, args=(path, pair)))
            threads[-1].start()
        threads[0].join(0.3)
        assert not path.exists()
    for thread in threads:
        thread.join(60)
    assert sorted(pd.read_csv(path)["line"]) == ["a", "b"]


def test_without_a_time_it_says_what_is_missing(plan, capsys):
    assert main(["evidence", "--line", "easy", "--again"]) == 2
    assert "needs --minutes" in capsys.readouterr().err


def test_pairs_are_of_the_same_trial_and_the_summary_is_the_t_interval():
    row = {"arm": "random", "ipc": 1, "protocol": "hard", "set_seed": 0, "training_seed": 0}
    here = pd.DataFrame(
        [
            row | {"seed": k, "top1": 50.0 + k, "set_hash": "a", "device": "X", "git": "2"}
            for k in range(5)
        ]
    )
    here["set_hash"] = ["a", "b", "c", "c", "d"]
    there = here.assign(top1=50.0, device="Y", git="1", set_hash=["a", "b", "c", "c", "other"])
    pairs = evidence_again.paired("line", here, there.iloc[::-1])
    assert (pairs["top1"] - pairs["top1_there"]).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    # The sets' means are 0, 1 and 2.5: mean 1.167, sd 1.258, half-width 4.303 * 1.258 / sqrt(3)
    assert evidence_again.summary(pairs) == (
        "evidence: 5 rows again on X, before on Y; 4 trained on the same images (3 sets): "
        "+1.17 points (-1.96 to +4.29), sd 1.26"
    )
    said = evidence_again.summary(pairs[:1])
    assert said.endswith("1 trained on the same images (1 set): too few to compare")


def test_each_kind_of_labels_has_its_own_difference_where_there_are_several():
    """One mean pooled them; RDED's protocol has soft labels too. A set may be trained by both."""
    pairs = pd.DataFrame(
        {
            "protocol": ["hard", "hard", "hard", "soft", "rded", "soft"],
            "set_hash": ["a", "b", "c", "a", "d", "d"],
            "top1": [49.0, 50.0, 51.0, 52.0, 53.0, 55.0],
        }
    ).assign(top1_there=50.0, set_hash_there=lambda t: t["set_hash"], device="X", device_there="Y")
    # Sets: all 0.5, 0, 1, 4; hard -1, 0, 1; soft 2, 4. Half-widths 3.18 * 1.80 / 2, and so on.
    assert evidence_again.summary(pairs).split("; ")[1:] == [
        "6 trained on the same images (4 sets): +1.38 points (-1.48 to +4.23), sd 1.80",
        "hard labels (3 sets): +0.00 points (-2.48 to +2.48), sd 1.00",
        "soft labels (2 sets): +3.00 points (-9.71 to +15.71), sd 1.41",
    ]
    few = evidence_again.summary(pairs[pairs["protocol"] != "rded"].iloc[:4])
    assert few.endswith("soft labels (1 set): too few to compare")
