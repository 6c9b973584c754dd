"""Tables of runs and of the evidence: what is found, what counts, what is counted once."""

import hashlib

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.ground import files
from rdc_kit.ground.folders import evidence_dir
from rdc_kit.study.verdicts import tables

from .conftest import arms, write

GOOD = {"el2n": [80, 81, 82], "random": [60, 62, 61]}


def test_runs_that_two_notebook_runs_share_count_once(fresh_home):
    write(fresh_home, "00_start_here-a", {"runs": arms(GOOD)})
    write(fresh_home, "00_start_here-b", {"runs": arms(GOOD)})
    assert len(tables.collect().get("00/runs")) == 6
    assert tables.collect().inputs("00/runs").keys() == {
        f"data/runs/notebooks/00_start_here-{k}/runs.csv" for k in "ab"
    }


def test_rows_of_another_precision_are_left_out_and_that_is_said_once(fresh_home, capsys):
    """Two machines' results in one home: each seed was there twice, under "n = 3 seeds"."""
    here = {"precision": "bf16", "device": "CPU (one, 2 threads)"}
    there = {"precision": "fp32", "device": "CPU (other, 1 threads)"}
    fewer = {arm: values[:2] for arm, values in GOOD.items()}
    write(fresh_home, "00_start_here-a", {"runs": arms(fewer, **there)})
    write(fresh_home, "00_start_here-b", {"runs": arms(GOOD, **here)})
    alone = arms(GOOD, ipc=10, **there)  # in its setting there is nothing else
    write(fresh_home, "00_start_here-c", {"runs": alone})
    found = tables.collect()
    kinds = [rows["precision"].tolist() for rows in found.groups("00/runs")]
    assert sorted(kinds) == [["bf16"] * 6, ["fp32"] * 6]
    assert [len(rows) for rows in found.groups("00/runs")] == [6, 6]
    told = capsys.readouterr().err
    assert told.startswith("00/runs: 4 rows, fp32 on a CPU, are left out")
    assert told.count("\n") == 1


def test_seeds_that_machines_have_shared_stay_together(fresh_home, capsys):
    table = arms(GOOD).assign(precision="bf16", device="CPU (one, 2 threads)")
    table.loc[table["seed"] == 2, ["precision", "device"]] = ["fp32", "NVIDIA H100"]
    write(fresh_home, "00_start_here-a", {"runs": table})
    assert len(tables.collect().get("00/runs")) == 6
    assert not capsys.readouterr().err


def test_of_a_trial_made_twice_the_newest_run_counts(fresh_home, capsys):
    """The images under a folder's name may have changed."""
    for name, hour, top in (("a", 12, 80), ("b", 11, 90)):
        write(fresh_home, f"00_start_here-{name}", {"runs": arms({"el2n": [top, top]})})
        manifest = fresh_home / f"data/runs/notebooks/00_start_here-{name}/manifest.json"
        facts = files.read_json(manifest)
        files.write_json(manifest, {**facts, "ended": f"2026-01-01T{hour}:00:00"})
    assert tables.collect().get("00/runs")["top1"].tolist() == [80, 80]
    assert "2 rows are left out: newer runs" in capsys.readouterr().err


def test_places_have_names():
    with pytest.raises(ValueError, match=r"results are in runs, evidence or .* got 'here'"):
        tables.collect("here")


def test_a_folder_named_like_the_evidence_is_told_of(tmp_path, monkeypatch, capsys):
    """With a plan in ./evidence, `--results evidence` read the kit's, without a word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evidence").mkdir()
    assert tables.collect("evidence").folder == evidence_dir()
    assert capsys.readouterr().err == ""
    (tmp_path / "evidence" / "plan.toml").touch()
    assert tables.collect("evidence").folder == evidence_dir()
    assert capsys.readouterr().err == (
        f"'evidence' is the committed evidence: the folder {tmp_path / 'evidence'}, which has a "
        "plan.toml, is named by its path, ./evidence\n"
    )
    assert tables.collect("./evidence").folder == tmp_path / "evidence"
    monkeypatch.chdir(evidence_dir().parent)  # here both are one
    tables.collect("evidence")
    assert capsys.readouterr().err == ""


def test_a_run_that_did_not_end_well_has_no_tables(fresh_home):
    with pytest.raises(
        rdc.DataError, match=r"no results in runs: .*(rdc|rdc_kit) study` makes your own"
    ):
        tables.collect()
    write(fresh_home, "00_start_here-a", {"runs": arms(GOOD)}, status="failed")
    write(fresh_home, "mine-a", {"runs": arms(GOOD)})  # no notebook of the study
    with pytest.raises(rdc.DataError):
        tables.collect()


def test_settings_are_told_apart_unless_they_are_to_stay_together(fresh_home):
    both = pd.concat([arms(GOOD), arms(GOOD, ipc=10)])
    write(fresh_home, "00_start_here-a", {"runs": both})
    found = tables.collect()
    assert [set(rows["ipc"]) for rows in found.groups("00/runs")] == [{1}, {10}]
    assert [set(rows["ipc"]) for rows in found.groups("00/runs", ("ipc",))] == [{1, 10}]
    assert list(found.groups("01/runs")) == []
    assert found.get("01/runs").empty


def test_an_arm_that_stores_less_is_in_the_setting_that_it_was_run_in(fresh_home):
    less = arms({"pca originals_per_class=4": [80, 81, 82]}, ipc=1, budget=4)
    rows = pd.concat([arms(GOOD, ipc=4, budget=4), less, arms(GOOD, ipc=1)])
    write(fresh_home, "05_pca_ablations-a", {"runs": rows})  # the last without a budget
    found = [set(group["arm"]) for group in tables.collect().groups("05/runs")]
    assert found == [{*GOOD, "pca originals_per_class=4"}, set(GOOD)]


def test_empty_text_is_text_and_not_a_missing_number(fresh_home):
    table = arms(GOOD).assign(pool="", metric="", teacher="")
    write(fresh_home, "00_start_here-a", {"runs": table})
    rows = tables.collect().get("00/runs")
    assert (rows[["pool", "metric", "teacher"]] == "").all(axis=None)
    assert set(rows["profile"]) == {"small"}


def test_the_evidence_is_named_by_its_files_and_hashed():
    found = tables.collect("evidence")
    rows = found.get("00/runs")
    digits = rows[rows["dataset"] == "digits"]
    named = found.inputs("00/runs", digits)
    assert list(named) == ["data/evidence/00-digits-32px-runs.csv"]
    content = (evidence_dir() / "00-digits-32px-runs.csv").read_bytes()
    assert list(named.values()) == [hashlib.sha256(content).hexdigest()[:16]]
