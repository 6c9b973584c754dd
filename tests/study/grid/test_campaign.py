"""The campaign: rows are found again by what was tried, wherever they were made."""

import shutil
import subprocess
import threading
from dataclasses import replace

import pandas as pd
import pytest

from rdc_kit.ground import store
from rdc_kit.ground.folders import checkout
from rdc_kit.study.grid.campaign import exploratory
from rdc_kit.study.grid.making import make_rows
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.grid.rowfiles import read_rows
from rdc_kit.study.grid.rows import run_hash
from rdc_kit.study.verdicts.planned import judge_lines

from .plans import plan_in


def test_a_plan_is_read_in_order_and_its_grids_are_replicate_by_replicate(tmp_path, monkeypatch):
    random, easy = read_plan(plan_in(tmp_path, monkeypatch))
    assert (random.key, easy.key) == ("random", "easy")
    assert random.setting == easy.setting
    assert [(t.seed, t.arm.key) for t in easy.trials][:4] == [
        (0, "random"),
        (0, "el2n"),
        (1, "random"),
        (1, "el2n"),
    ]
    assert {t.protocol.epochs for t in easy.trials} == {300}  # full recipes only
    assert easy.trials[3].seeds == (1, 1, 1, 1)


def test_rows_are_kept_once_and_known_on_another_machine(tmp_path, monkeypatch, fresh_home):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    assert len(line.missing()) == 3
    table = make_rows(line, line.trials[:2])
    make_rows(line, line.trials[:1])  # fetched, and not written twice
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "another"))
    rows = line.rows()
    assert len(rows) == 2
    assert [trial.seed for trial in line.missing()] == [2]
    assert rows["top1"].tolist() == pytest.approx(table["top1"].tolist())
    assert rows["run_hash"].tolist() == [run_hash(t, line.setting.setup) for t in line.trials[:2]]
    rows.assign(epochs=60).to_csv(line.path, index=False)  # a shortened recipe
    assert line.rows().empty
    assert len(line.missing()) == 3
    assert exploratory([line]) == {line.path: 2}


@pytest.mark.parametrize("wrong", [{"size": 8}, {"precision": "bf16"}, {"dataset": "cifar10"}])
def test_rows_of_another_setting_count_for_no_line(tmp_path, monkeypatch, wrong):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    right = {"dataset": "digits", "size": 16, "precision": "fp32"}
    line.add(some_rows(line, 0, 1, **right))
    assert len(line.missing()) == 1
    assert len(replace(line, setting=replace(line.setting, **wrong)).missing()) == 3


def test_rows_of_images_that_were_moved_count_and_those_of_others_are_not_judged(
    tmp_path, monkeypatch
):
    """What tells images apart is their content; that of files that were joined may differ."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(line, setting=replace(line.setting, dataset="folder:/new/place"))
    line.add(some_rows(line, 0, 1, dataset="folder:/old/place", data_hash="a1"))
    assert [trial.seed for trial in line.missing()] == [2]
    line.add(some_rows(line, 2, dataset="folder:/new/place", data_hash="b2"))
    (row,) = judge_lines([line]).to_dict("records")
    assert row["verdict"] == "not judged, rows of different images"
    assert "take the others out" in row["change"]


def test_a_network_that_could_not_teach_is_asked_for_no_teacher(tmp_path, monkeypatch):
    """Rows with hard labels alone need none, whatever scores and trains."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    for student in ("swin_t", "convnext_tiny-small"):  # they have layer norm
        other = replace(line, setting=replace(line.setting, student=student))
        other.add(some_rows(other, 0, 1, scorer=student, taught_by=""))
        assert [trial.seed for trial in other.missing()] == [2]


@pytest.mark.parametrize(
    ("other", "missing"),
    [
        ({"student": "convnet3-w8"}, [0, 1, 2]),
        ({"teacher": "resnet18-small"}, [0, 1, 2]),
        ({"teacher_epochs": 5}, [0, 2]),  # an older row does not say them
    ],
)
def test_rows_of_another_scorer_or_teacher_count_for_no_line(tmp_path, monkeypatch, other, missing):
    """They were joined, and the verdict named the teacher that the plan has now."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(line, student="convnet2-w8")  # so that the setting's only scores and teaches
    told = {"scorer": line.setting.scorer, "taught_by": line.setting.taught_by}
    line.add(some_rows(line, 0, **told))
    line.add(some_rows(line, 1, teacher="convnet2-w8-bn, convnet3-w8-bn"))  # an older one
    changed = replace(line, setting=replace(line.setting, **other))
    assert [trial.seed for trial in line.missing()] == [2]
    assert [trial.seed for trial in changed.missing()] == missing


def some_rows(line, *seeds, **facts):
    """Rows of random images as they would be made; nothing is trained."""
    row = {"arm": "random", "budget": 1, "protocol": "hard", "epochs": 300, "top1": 50.0}
    row |= {"student": line.setting.student, "scoring_seed": None, "git": "1"}
    seeded = [{"seed": s, "set_seed": s, "training_seed": s, "run_hash": f"run{s}"} for s in seeds]
    return pd.DataFrame([row | own | facts for own in seeded])


def test_a_line_tells_its_network_and_its_crops(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    assert (line.network, line.crops_told) == (line.setting.student, "")
    other = replace(line, student="convnet2-w8", crops=(0.08, 0.5))
    assert (other.network, other.crops_told) == ("convnet2-w8", "0.08 0.5")
    assert {trial.student for trial in other.trials} == {"convnet2-w8"}


def test_who_adds_rows_waits_for_a_process_of_another_home(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    with store.lock_of(line.path):
        monkeypatch.setenv("RDC_HOME", str(tmp_path / "another"))
        other = threading.Thread(target=line.add, args=[some_rows(line, 0)])
        other.start()
        other.join(0.5)
        assert not line.path.exists()
    other.join(60)
    assert len(line.rows()) == 1


def test_the_locks_beside_the_evidence_are_not_gits(tmp_path):
    shutil.copy(checkout() / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    places = [f"data/evidence/{name}" for name in (f"{store.LOCKS}/x.csv/.lock", "x.csv")]
    call = ["git", "check-ignore", *places]
    said = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert said.stdout.split() == places[:1]


def test_a_row_of_another_scoring_run_is_not_the_lines(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[1]
    trial = line.trials[3]  # el2n, seed 1
    row = {"arm": "el2n", "budget": 1, "protocol": "hard", "epochs": 300, "seed": 1, "set_seed": 1}
    row |= {"student": trial.student, "training_seed": 1, "scoring_seed": 1.0, "teacher_seed": None}
    row |= {"run_hash": "a"}
    pd.DataFrame([row]).to_csv(line.path)
    assert len(line.rows()) == 1
    pd.DataFrame([row | {"scoring_seed": 0.0}]).to_csv(line.path)
    assert line.rows().empty


def test_a_line_without_a_file_has_no_rows(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    assert line.rows().empty
    assert exploratory([line]) == {}


def test_a_trial_that_two_machines_made_counts_once(tmp_path, monkeypatch):
    """As a row that is added later, and as two rows that git has joined."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    here = some_rows(line, 0, 1)
    elsewhere = some_rows(line, 1, 2, top1=60.0).assign(run_hash=["cuda1", "cuda2"])
    line.add(here)
    line.add(elsewhere)
    assert read_rows(line.path)["run_hash"].tolist() == ["run0", "run1", "cuda2"]
    for joined in ([here, elsewhere[:1]], [elsewhere[:1], here]):  # the order decides nothing
        pd.concat(joined).assign(crops="").to_csv(line.path, index=False)
        assert sorted(line.rows()["top1"]) == [50.0, 60.0]
    assert [trial.seed for trial in line.missing()] == [2]
    assert exploratory([line]) == {line.path: 1}


def test_rows_of_another_scoring_run_or_teacher_are_rows_of_their_own(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    for scoring, teacher in ((None, None), (0, None), (1, None), (1, 0), (1, None)):
        line.add(some_rows(line, 1, scoring_seed=scoring, teacher_seed=teacher))
    assert len(read_rows(line.path)) == 4


def test_a_line_of_several_ipcs_another_student_and_length(tmp_path, monkeypatch):
    plain = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(plain, ipc=(1, 2), student="convnet3-w8", epochs=7, n=1)
    assert [(t.ipc, t.student, t.protocol.epochs) for t in line.trials] == [
        (1, "convnet3-w8", 7),
        (2, "convnet3-w8", 7),
    ]
    assert replace(line, measure="entropy").path.name == "campaign-tiny-entropy.csv"


def test_rows_of_another_precision_hinder_no_new_ones(tmp_path, monkeypatch, fresh_home):
    """They counted for no line, and yet as known: what was measured was thrown away."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    make_rows(line, line.trials[:1])
    table = pd.read_csv(line.path)
    table.assign(precision="bf16").to_csv(line.path, index=False)
    assert len(line.missing()) == 3
    line.add(table)
    assert len(line.missing()) == 2
    assert pd.read_csv(line.path)["precision"].tolist() == ["bf16", "fp32"]
