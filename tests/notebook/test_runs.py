"""The first cell of a notebook: its run, checked, and what the run makes."""

import matplotlib.pyplot as plt
import pandas as pd
import psutil
import pytest

import rdc_kit as rdc
from rdc_kit.ground import files
from rdc_kit.ground.manifests import read_status
from rdc_kit.notebook import parameters
from rdc_kit.study.figures.saving import figure_is_whole
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.verdicts.tables import collect
from rdc_kit.train.models import fitting

from ..conftest import picture


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """No test says of itself that it is a notebook of the kit, unless it wants to."""
    monkeypatch.setenv("RDC_NOTEBOOK", "tiny")
    monkeypatch.delenv("RDC_RUN_DIR", raising=False)


def smoke(**params):
    return rdc.start(**{"dataset": "digits", "profile": "smoke", "size": 16} | params)


def quick(run, name="runs", **settings):
    """A grid of one epoch of training."""
    run.epochs = 1
    return run.experiment(name, [Arm("random")], **settings)


def test_zeros_are_resolved_from_profile_and_source(fresh_home, monkeypatch):
    monkeypatch.setenv("RDC_PRECISION", "fp32")  # a ResNet-18 at 224 px need not be timed
    zeros = {"dataset": "imagenette", "size": 0, "seeds": 0}
    small = rdc.start(**zeros, epochs=0, profile="small")
    paper = rdc.start(**zeros, epochs=7, profile="paper")
    assert (small.size, small.epochs, small.seeds) == (64, 80, 3)
    assert (paper.size, paper.epochs, paper.seeds) == (224, 7, 3)


def test_the_name_is_told_by_the_runner_or_by_jupyter(fresh_home, monkeypatch):
    assert smoke().name == "tiny"
    monkeypatch.delenv("RDC_NOTEBOOK")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/00_start_here.ipynb")
    run = smoke()
    assert run.name == "00_start_here"
    assert run.folder == fresh_home / "data" / "runs" / "notebooks" / "00_start_here-live"


def test_a_parent_process_that_is_closed_to_us_stops_no_run(fresh_home, monkeypatch):
    def closed(_):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "cmdline", closed)
    monkeypatch.delenv("RDC_NOTEBOOK")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    run = smoke()
    assert (run.name, run.folder.name) == ("notebook", "notebook-live")


def test_a_run_notes_its_setting_for_the_ledger(fresh_home, monkeypatch):
    monkeypatch.setenv("RDC_NOTEBOOK", "00_mine")
    run = rdc.start(dataset="digits", profile="smoke")
    facts = files.read_json(run.folder / "manifest.json")
    assert facts["setting"] == {"dataset": "digits", "size": 32, "profile": "smoke"}
    assert facts["status"] == "running"
    run.table("runs", pd.DataFrame({"arm": ["el2n"], "seed": [0], "top1": [1], "steps": [5]}))
    rdc.finish(run)
    assert read_status(run.folder) == "ok"
    assert set(collect().get("00/runs")["profile"]) == {"smoke"}


def test_the_first_line_tells_the_epochs_that_are_trained(fresh_home, capsys):
    """Notebook 09 said 80 epochs, and trained for 50."""
    assert smoke().epochs == 3
    run = rdc.start(quick=True, dataset="digits", profile="smoke", size=16)
    assert (run.epochs, run.protocol().epochs) == (1, 1)
    assert "image(s) per class, 1 epochs, 2 seed(s)\n" in capsys.readouterr().out
    assert rdc.start(quick=True, dataset="digits", epochs=7).epochs == 7


def test_a_notebook_that_only_reads_results_has_no_setting(fresh_home, capsys):
    run = rdc.start(results="evidence")
    assert files.read_json(run.folder / "manifest.json")["setting"] == {}
    figure, _ = plt.subplots()
    run.figure("ledger", figure, pd.DataFrame({"a": [1]}))  # of no dataset and no ipc
    assert run.figures["ledger"].stem == f"{run.name[:2]}_ledger-evidence"
    assert "per class" not in capsys.readouterr().out


def test_an_experiment_has_this_runs_setup_and_seeds(fresh_home):
    run = smoke(ipcs="1 2", seeds=2, grid=3)
    experiment = run.experiment("runs", [Arm("random"), Arm("noise")], ["hard", "soft"])
    assert len(experiment.trials) == 2 * 2 * 2 * 2
    assert {trial.protocol.epochs for trial in experiment.trials} == {3}
    setup = experiment.setup
    assert (setup.options, setup.teacher_epochs, setup.profile) == (
        {"iterations": 3}, 6, "smoke",
    )  # fmt: skip
    assert setup.scoring_epochs["el2n"] == 2
    few = run.experiment("few", [Arm("el2n")], ipcs=[1], one_set=True)
    assert {trial.ipc for trial in few.trials} == {1}
    assert {trial.seeds.set for trial in few.trials} == {0}
    own = run.experiment("own", [Arm("el2n")], ipcs=[1])
    assert {trial.seeds.set for trial in own.trials} == {0, 1}
    assert {trial.seeds.scoring for trial in own.trials} == {0}  # frozen in all but the paper's
    run.params["profile"] = "paper"
    run.profile = parameters.PROFILES["paper"]
    kept = run.experiment("kept", [Arm("el2n")], ipcs=[1], one_set=True)
    assert {trial.seeds for trial in kept.trials} == {(0, 0, 0, 0), (1, 1, 1, 1)}


def test_students_get_the_stem_that_fits_their_images(fresh_home):
    run = smoke(students="resnet18 convnet3-w8 resnet18", size=32)
    assert run.students == ["resnet18-small", "convnet3-w8"]
    assert smoke().students == []
    assert [fitting(name, 224) for name in ("swin_t", "resnet18")] == ["swin_t", "resnet18"]
    with pytest.raises(ValueError, match="unknown network 'resnot'"):
        smoke(students="resnot")


def test_measuring_keeps_the_table_and_finishing_counts_its_steps(fresh_home):
    run = smoke(seeds=1)
    table = run.measure(quick(run))
    assert len(pd.read_csv(run.folder / "runs.csv")) == len(table) == 1
    rdc.finish(run)
    facts = files.read_json(run.folder / "manifest.json")
    assert facts["status"] == "ok"
    assert facts["work"] == {"rows": {"runs": 1}, "steps": int(table["steps"].sum())}


def test_a_figure_is_named_by_what_it_shows(fresh_home):
    run = smoke(ipcs="1 2")
    figure, _ = plt.subplots()
    assert run.figure("look", figure, pd.DataFrame({"a": [1]})) is figure
    path = run.figures["look"]
    assert path == run.folder / "figures" / "ti_look-digits-16px-ipc1-2.png"
    assert figure_is_whole(path) and figure_is_whole(fresh_home / "figures" / path.name)
    facts = files.read_json(path.with_suffix(".json"))
    assert facts["parameters"]["ipcs"] == "1 2"
    assert facts["notebook"] == "tiny"


def test_a_later_run_does_not_replace_the_figure_that_a_finished_run_names(fresh_home):
    """Only the epochs differ, which the figure's name does not say."""
    figure, _ = plt.subplots()
    shown = fresh_home / "figures" / "ti_look-digits-16px-ipc1.csv"
    for epochs in (60, 3):
        run = smoke(epochs=epochs)
        run.folder = fresh_home / f"of-{epochs}"
        run.figure("look", figure, pd.DataFrame({"a": [epochs]}))
        assert shown.read_text() == f"a\n{epochs}\n"
    for epochs in (60, 3):
        own = fresh_home / f"of-{epochs}" / "figures" / shown.name
        assert own.read_text() == f"a\n{epochs}\n"
        assert figure_is_whole(own.with_suffix(".png"))


def test_corrupt_images_are_left_out_where_the_notebook_says_so(fresh_home, tmp_path, capsys):
    for kind in ("train", "val"):
        for name in ("a", "b"):
            for k in range(3):
                picture(tmp_path / "pictures" / kind / name / f"{k}.png", k)
    (tmp_path / "pictures" / "train" / "a" / "0.png").write_bytes(b"no image")
    mine = {"dataset": f"folder:{tmp_path / 'pictures'}", "size": 16, "ipc": 1, "grid": 1}
    with pytest.raises(rdc.DataError, match='the parameter on_bad = "skip"'):
        _ = rdc.start(**mine).setup
    assert len(rdc.start(**mine, on_bad="skip").setup.pool) == 5
    assert "train: 1 images left out" in capsys.readouterr().out
    with pytest.raises(ValueError, match="on_bad='ignore' must be one of error, skip"):
        rdc.start(**mine, on_bad="ignore")


def test_data_that_cannot_carry_the_study_is_refused_before_any_training(fresh_home, tmp_path):
    for kind in ("train", "val"):
        for name in ("a", "b"):
            picture(tmp_path / "pictures" / kind / name / "0.png", 1)
    name = f"folder:{tmp_path / 'pictures'}"
    with pytest.raises(rdc.DataError, match=r"class 'a' has 1 images, 2 .* ipc \(at most 1\), or"):
        _ = rdc.start(dataset=name, size=16, ipc=2, grid=1).setup
    with pytest.raises(rdc.DataError, match="class 'a' has 1 images, and a share of"):
        _ = rdc.start(dataset=f"{name}/train", size=16, ipc=1, grid=1).setup
    with pytest.raises(ValueError, match="17x17 grid does not fit"):
        _ = rdc.start(dataset=name, size=16, ipc=1, grid=17).setup
    assert not (fresh_home / "data" / "runs" / "scores").exists()


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        (1, "lower ipc (at most 5), or leave"),
        (2, "lower ipc or grid (with grid 2 at most 1), or leave"),
        (3, "lower ipc or grid (with grid 3 even 1 takes 9 images), or leave"),
    ],
)
def test_a_rare_class_says_which_ipc_it_fills_and_how_to_leave_it_out(tmp_path, grid, told):
    for label, count in (("a", 5), ("b", 7)):
        for kind in ("train", "val"):
            for k in range(count):
                picture(tmp_path / kind / label / f"{k}.png", k)
    with pytest.raises(rdc.DataError) as raised:
        _ = rdc.start(dataset=f"folder:{tmp_path}", size=16, ipc=6, grid=grid).setup
    assert f"{told} the class out (move its folder out of train/ and val/)" in str(raised.value)


def test_without_a_test_split_a_fifth_is_held_out(fresh_home, tmp_path, capsys):
    for label in "ab":
        for k in range(5):
            picture(tmp_path / "mine" / label / f"{k}.png", ord(label) + 10 * k)
    setup = rdc.start(dataset=f"folder:{tmp_path / 'mine'}", size=16, ipc=1, grid=1).setup
    assert (len(setup.pool), len(setup.test)) == (8, 2)
    assert "are held out for testing" in capsys.readouterr().out


def test_images_that_cannot_be_decoded_stop_or_are_left_out(fresh_home, tmp_path):
    for kind in ("train", "val"):
        for name in ("a", "b"):
            for k in range(2):
                picture(tmp_path / kind / name / f"{k}.png", k)
    (tmp_path / "train" / "a" / "bad.png").write_bytes(b"no image")
    given = {"dataset": f"folder:{tmp_path}", "size": 16, "ipc": 1, "grid": 1}
    with pytest.raises(rdc.DataError, match=r"bad\.png"):
        _ = rdc.start(**given).setup
    assert len(rdc.start(**given, on_bad="skip").setup.pool) == 4


def test_arms_that_no_class_can_fill_are_refused_before_any_training(fresh_home, tmp_path):
    for name in ("train/a", "train/b", "val/a", "val/b"):
        for k in range(6):
            picture(tmp_path / name / f"{k}.png", k)
    run = smoke(dataset=f"folder:{tmp_path}")
    with pytest.raises(rdc.DataError, match="has 6 images, 9 are asked of each class"):
        run.experiment("runs", [Arm("random"), Arm("pca", {"grid": 3})])
