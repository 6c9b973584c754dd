"""Every notebook of a folder: what each is given, side by side, stopped, and the kit's own."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.commands import run, study
from rdc_kit.commands.notebooks import hand_out
from rdc_kit.ground import files
from rdc_kit.ground.device import Runtime, choose_runtime
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.ground.manifests import read_status
from rdc_kit.notebook.answers import is_exercise
from rdc_kit.notebook.exercises import solutions_of
from rdc_kit.study.figures import paper
from rdc_kit.study.grid import workers
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import PLANNED, collect

from .test_run import CLOSE, OPEN, WORK, wait_for, write


def test_a_stopped_study_does_not_go_on_with_the_next_notebook(tmp_path, fresh_home, monkeypatch):
    """A study that was asked to end once started the next notebook instead."""
    asked = []

    def stopped(command, environment, log, timeout, came, tell):
        asked.append(command)
        return "stopped by SIGTERM"

    monkeypatch.setattr(run, "_supervise", stopped)
    (tmp_path / "notebooks").mkdir()
    for name in ("01_a", "02_b"):
        write(tmp_path / "notebooks" / f"{name}.ipynb", OPEN, CLOSE)
    with pytest.raises(KeyboardInterrupt):
        study.run_all({}, folder=tmp_path / "notebooks", workers=1)
    assert len(asked) == 1


def notebooks_in(folder, bodies):
    """Notebooks that do some work and then wait; the last reads results."""
    folder.mkdir()
    for name, body in bodies.items():
        parameters = 'results: str = "runs"' if name.startswith("9") else "ipc: int = 1"
        write(
            folder / f"{name}.ipynb",
            OPEN + body,
            WORK.split("\nprint")[0],
            CLOSE,
            parameters=parameters,
        )
    return folder


def test_notebooks_run_side_by_side_and_those_that_read_results_last(tmp_path, fresh_home):
    """The first two wait for each other's mark: one after the other they would never end."""
    one, two = tmp_path / "one", tmp_path / "two"
    meet = """import pathlib, time
pathlib.Path({own!r}).touch()
while not pathlib.Path({other!r}).exists():
    time.sleep(0.05)
"""
    bodies = {
        "01_a": meet.format(own=str(one), other=str(two)),
        "02_b": meet.format(own=str(two), other=str(one)),
        "90_c": f"import pathlib\nassert pathlib.Path({str(tmp_path / 'done')!r}).exists()",
        "03_d": f"import pathlib\npathlib.Path({str(tmp_path / 'done')!r}).touch()",
    }
    folder = notebooks_in(tmp_path / "notebooks", bodies)
    assert study.run_all({"ipc": "2"}, timeout=120, folder=folder, workers=2) == 0
    runs = list((fresh_home / "data" / "runs" / "notebooks").glob("*_*"))
    assert sorted(read_status(run_folder) for run_folder in runs) == ["ok"] * 4


def test_the_first_comes_first_and_then_the_longest(tmp_path, monkeypatch, fresh_home, capsys):
    folder = notebooks_in(tmp_path / "n", dict.fromkeys(("00_a", "01_b", "02_c", "03_d"), "pass"))
    for name, long in (("01_b", 2), ("02_c", 7.5)):
        path = folder / f"{name}.ipynb"
        content = json.loads(path.read_text())
        content["metadata"]["rdc"] = {"minutes": long}
        path.write_text(json.dumps(content))
    begun = []

    def side_by_side(notebooks, _parameters, _timeout, _count, seconds):
        begun.extend(path.stem for path in notebooks)
        seconds.update(dict.fromkeys(notebooks, 1.5))
        return dict.fromkeys(notebooks, 0)

    monkeypatch.setattr(study, "_side_by_side", side_by_side)
    assert study.run_all({}, folder=folder, workers=2) == 0
    assert begun == ["00_a", "02_c", "01_b", "03_d"]
    kept = pd.read_csv(fresh_home / "data" / "runs" / "study.csv")
    assert kept["notebook"].tolist() == ["00_a", "01_b", "02_c", "03_d", "all"]
    assert kept["seconds"].tolist()[:4] == [1.5] * 4
    assert "4 of 4 notebooks ok in" in capsys.readouterr().out


def test_a_stopped_study_ends_all_its_notebooks(tmp_path, fresh_home):
    marks = [tmp_path / name for name in "ab"]
    wait = "import pathlib, time\npathlib.Path({!r}).touch()\ntime.sleep(100)"
    bodies = {f"0{k}_x": wait.format(str(mark)) for k, mark in enumerate(marks)}
    folder = notebooks_in(tmp_path / "notebooks", bodies)
    code = "import pathlib, sys; from rdc_kit.commands.study import run_all\n"
    code += "run_all({}, folder=pathlib.Path(sys.argv[1]), workers=2)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: all(mark.exists() for mark in marks))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    runs = list((fresh_home / "data" / "runs" / "notebooks").glob("0*"))
    assert sorted(read_status(run_folder) for run_folder in runs) == ["failed"] * 2


def test_a_notebook_whose_process_is_killed_has_failed(tmp_path, fresh_home, monkeypatch, capsys):
    """Its code was -9: the study's row said 0, the largest, as if all had ended well."""
    folder = notebooks_in(tmp_path / "n", dict.fromkeys(("00_a", "01_b"), "pass"))

    def start(path, *_):
        return subprocess.Popen(["sh", "-c", "kill -9 $$" if path.stem == "01_b" else "true"])

    monkeypatch.setattr(study, "_start", start)
    assert study.run_all({}, folder=folder, workers=2) == run.FAILED
    kept = pd.read_csv(fresh_home / "data" / "runs" / "study.csv")
    assert dict(zip(kept["notebook"], kept["status"], strict=True)) == {
        "00_a": run.OK,
        "01_b": run.FAILED,
        "all": run.FAILED,
    }
    assert "1 of 2 notebooks ok" in capsys.readouterr().err


def test_a_wrong_number_of_workers_is_refused(capsys):
    assert main(["study", "--workers", "many"]) == 2
    assert "workers must be 'auto' or a whole number" in capsys.readouterr().err


def test_a_study_gives_each_notebook_the_parameters_that_it_has(tmp_path, fresh_home, monkeypatch):
    folder, seen = tmp_path / "notebooks", []
    folder.mkdir()
    write(folder / "01_a.ipynb", parameters="ipc: int = 1\nlr: float = 1.0")
    write(folder / "02_b.ipynb", parameters="ipc: int = 1")
    write(folder / "draft.ipynb", parameters="ipc: int = 1")

    def one(notebook, given, timeout):
        seen.append((notebook.stem, given))
        return 1 if notebook.stem == "01_a" else 0

    monkeypatch.setattr(study, "run_notebook", one)
    assert study.run_all({"ipc": "2", "lr": "3"}, folder=folder, workers=1) == 1
    assert seen == [("01_a", {"ipc": "2", "lr": "3"}), ("02_b", {"ipc": "2"})]
    assert study.run_all({}, folder=tmp_path) == 2


# The kit's own notebooks


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Every notebook at the smallest profile, in one home, with all exercises answered."""
    folder = tmp_path_factory.mktemp("studied")
    hand_out(folder / "solved", with_solutions=True)
    given = {
        "dataset": "digits",
        "profile": "smoke",
        "size": "16",
        "students": "convnet2-w8 shufflenet_v2_x0_5",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDC_HOME", str(folder))
        assert study.run_all(given, folder=folder / "solved" / "notebooks") == 0
    return folder


NOTEBOOKS = sorted(notebooks_dir().glob("[0-9]*.ipynb"))


PICTURES = {
    "00": 5,
    "01": 3,
    "02": 4,
    "03": 3,
    "04": 5,
    "05": 1,
    "06": 2,
    "07": 2,
    "08": 3,
    "09": 5,
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_runs_from_start_to_finish(studied, path):
    (folder,) = (studied / "data" / "runs" / "notebooks").glob(f"{path.stem}-*")
    manifest = files.read_json(folder / "manifest.json")
    assert manifest["status"] == "ok"
    executed = json.loads((folder / path.name).read_text())
    outputs = [o for c in executed["cells"] for o in c.get("outputs", [])]
    pictures = sum("image/png" in o.get("data", {}) for o in outputs)
    assert pictures >= PICTURES.get(path.stem[:2], 1)
    assert not [o for o in outputs if o["output_type"] == "error"]
    told = [o for o in outputs if o.get("name") == "stderr"]
    assert not told, told  # warnings are errors of taste
    assert "widgets" not in executed["metadata"]
    for figure in manifest["figures"].values():
        for ending in (".png", ".pdf", ".csv", ".json"):
            assert Path(figure).with_suffix(ending).stat().st_size > 0


def said_by_checks(executed):
    """What each exercise's check printed."""
    outputs = [o for c in executed["cells"] if is_exercise(c) for o in c["outputs"]]
    text = "".join("".join(o.get("text", "")) for o in outputs)
    return [line for line in text.splitlines() if re.match(r"\d\d-\d: ", line)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_solution_is_right_in_its_notebook(studied, path):
    (folder,) = (studied / "data" / "runs" / "notebooks").glob(f"{path.stem}-*")
    said = said_by_checks(json.loads((folder / path.name).read_text()))
    assert len(said) == len(solutions_of(path))
    assert [line for line in said if ": right. " not in line] == []


def test_unanswered_exercises_change_nothing_of_a_run(studied, tmp_path, monkeypatch):
    """The first notebook as it stands; what it needs is measured already."""
    monkeypatch.setenv("RDC_HOME", str(studied))
    before = set((studied / "data" / "runs" / "notebooks").iterdir())
    assert run.run_notebook(NOTEBOOKS[0], {"profile": "smoke", "size": "16"}, workers=1) == 0
    (folder,) = set((studied / "data" / "runs" / "notebooks").iterdir()) - before
    said = said_by_checks(json.loads((folder / NOTEBOOKS[0].name).read_text()))
    assert said == [f"00-{k}: not answered yet." for k in (1, 2, 3)]
    assert read_status(folder) == "ok"
    shutil.rmtree(folder)


def test_the_smallest_profile_decides_nothing(studied, monkeypatch):
    """Two seeds of three epochs: every reading and every verdict says so."""
    folder = studied / "data" / "runs" / "notebooks"
    (readings,) = folder.glob("00_*/differences.csv")
    assert readings.read_text().count("not evidence") == 6
    monkeypatch.setenv("RDC_HOME", str(studied))
    own = ledger(collect("runs"))
    assert set(own["verdict"]) == {"smoke", "not tested", "by arithmetic"}
    (shown,) = folder.glob("91_*/ledger.csv")  # 91 opens with the committed evidence
    assert len(pd.read_csv(shown)) == len(ledger(collect("evidence")))


def test_the_differences_of_pruning_metrics_are_of_every_number_of_images(studied):
    """The table had those of the smallest number only, without saying so."""
    (folder,) = (studied / "data" / "runs" / "notebooks").glob("02_*")
    found, runs = (pd.read_csv(folder / f"{name}.csv") for name in ("differences", "runs"))
    assert set(runs["ipc"]) == {1, 5}
    assert found["ipc"].tolist() == [1] * 9 + [5] * 9


def test_the_paper_figures_are_drawn_from_the_studys_results(studied):
    drawn = {path.stem.split("-")[0] for path in (studied / "figures" / "paper").glob("*.png")}
    assert drawn == {one.name for one in paper.REMADE if one.table != PLANNED} | {"ledger"}


@pytest.mark.parametrize("method", ["as saved", "pca"])
def test_the_lines_for_elsewhere_learn_from_the_saved_set(studied, method, monkeypatch, tmp_path):
    """The plain lines of notebook 09, in the run's folder; and on composites of random digits."""
    (folder,) = (studied / "data" / "runs" / "notebooks").glob("09_*")
    if method == "pca":
        pool, test = rdc.load("digits")
        rdc.compress("pca", pool, 5, order="random").save(tmp_path / "chosen")
        test.save(tmp_path / "test")
        folder = tmp_path
    cells = json.loads((notebooks_dir() / "09_your_own_images.ipynb").read_text())["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    (lines,) = re.findall(r"```python\n(.*?)```", "\n".join(texts), flags=re.S)
    assert "rdc_kit" not in lines
    monkeypatch.chdir(folder)
    space = {}
    with torch.random.fork_rng():
        exec(compile(lines, "09", "exec"), space)
    assert len(space["labels"]) == 450
    assert space["right"] > 60  # by chance: 10


@pytest.mark.parametrize(
    ("cores", "host", "card", "count"),
    [(8, 64, 80, 4), (2, 64, 80, 2), (8, 5, 80, 2), (8, 64, 8, 2), (8, 64, 2, 1), (8, 1, 80, 1)],
)
def test_as_many_notebooks_as_there_is_memory_for(monkeypatch, cores, host, card, count):
    """Of the machine, and of the GPU where they use one; both in gigabytes."""
    monkeypatch.setattr(workers, "cores", lambda: cores)
    monkeypatch.setattr(workers, "free_memory", lambda: host * 10**9)
    monkeypatch.setattr(study, "free_on", lambda device: card * 10**9)
    on_gpu = Runtime(torch.device("cuda"), "bf16", channels_last=True)
    monkeypatch.setattr(study, "choose_runtime", lambda device: on_gpu)
    assert study._at_a_time("auto") == count
    monkeypatch.setattr(study, "choose_runtime", choose_runtime)
    assert study._at_a_time("cpu") == max(1, min(4, cores, host // 2))
