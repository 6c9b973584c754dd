"""The strict runner: nothing looks finished unless it is."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import run
from rdc_kit.ground import files
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.ground.manifests import read_status, write_manifest

PARAMETERS = """
smoke: bool = True  # a switch
lr: float = 0.1
ipc: int = 1
name: str = "x"
shapes: list[int] = [1, 2]
plain = 3
"""


OPEN = "import rdc_kit as rdc\nrun = rdc.start()\n"
WORK = "import pandas as pd\nrun.table('t', pd.DataFrame({'a': [1]}))\nprint(smoke, lr, ipc)"
CLOSE = "rdc.finish(run)"


def write(path, *cells, parameters=PARAMETERS):
    tagged = nbformat.v4.new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]})
    cells = [tagged, *(nbformat.v4.new_code_cell(c) for c in cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def tiny(tmp_path):
    return write(tmp_path / "tiny.ipynb", OPEN, WORK, CLOSE)


def test_wrong_usage_exits_2_and_runs_nothing(tiny, fresh_home, capsys):
    assert run.run_notebook(tiny, {"icp": "3"}) == 2
    assert "did you mean 'ipc'" in capsys.readouterr().err
    assert run.run_notebook(tiny.parent / "none.ipynb") == 2
    bare = tiny.parent / "bare.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), bare)
    assert run.run_notebook(bare) == 2
    assert not (fresh_home / "data").exists()


@pytest.mark.parametrize("name", ["a{ipc}.ipynb", "in{b}/tiny.ipynb", "only}.ipynb"])
def test_a_path_that_papermill_would_fill_in_is_refused(name, tiny, fresh_home, capsys):
    path = tiny.parent / name
    path.parent.mkdir(exist_ok=True)
    tiny.rename(path)
    assert run.run_notebook(path) == 2
    told = capsys.readouterr().err
    assert f"{str(path)!r} has" in told
    assert "in its path, which papermill takes for the name of a parameter: rename it" in told
    assert not (fresh_home / "data").exists()


def the_folder(fresh_home):
    (folder,) = (fresh_home / "data" / "runs" / "notebooks").iterdir()
    return folder


def test_a_good_run_ends_ok_with_its_parameters_inside(tiny, fresh_home, capsys):
    assert run.run_notebook(tiny, {"smoke": "false", "lr": "1e-3", "ipc": "2"}) == 0
    folder = the_folder(fresh_home)
    assert read_status(folder) == "ok"
    executed = nbformat.read(folder / "tiny.ipynb", as_version=4)
    printed = "".join(o.get("text", "") for c in executed.cells for o in c.get("outputs", []))
    assert "False 0.001 2" in printed
    assert "tiny ok in" in capsys.readouterr().out
    manifest = files.read_json(folder / "manifest.json")
    assert manifest["parameters"]["ipc"] == 2
    assert {"started", "ended", "git", "versions", "runtime"} <= manifest.keys()


def test_a_log_says_where_it_is_and_each_minute_what_is_worked_on(
    tmp_path, fresh_home, monkeypatch, capfd
):
    """It was silent for minutes; and in a terminal each run began with a kernel's warning."""
    monkeypatch.setattr(run, "_SAY_EVERY", 0.5)
    monkeypatch.setattr(run, "_LOOK_EVERY", 0.5)
    path = write(tmp_path / "tiny.ipynb", OPEN, "import time; time.sleep(3)", WORK, CLOSE)
    content = nbformat.read(path, as_version=4)
    content.cells.insert(2, nbformat.v4.new_markdown_cell("# Long *work*"))
    nbformat.write(content, path)
    assert run.run_notebook(path) == 0
    first, *between, last = capfd.readouterr().out.splitlines()
    folder = the_folder(fresh_home)
    assert first == f"tiny: in {folder}"
    assert last.startswith("tiny ok in")
    assert any(re.fullmatch(r"tiny: \d+ s, Long work", line) for line in between)
    assert "encryption" not in (folder / "papermill.log").read_text()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "papermill ended"),
        ("import os; os._exit(0)", "papermill ended"),
        ("import sys; sys.exit(0)", "FAILED"),
        ("run.folder.joinpath('manifest.json').unlink()", "FAILED"),
    ],
)
def test_no_failure_looks_like_success(tmp_path, fresh_home, capsys, body, told):
    cells = [OPEN, WORK, body] if "unlink" in body else [OPEN, WORK, body, CLOSE]
    assert run.run_notebook(write(tmp_path / "tiny.ipynb", *cells)) == 1
    assert told in capsys.readouterr().err
    folder = the_folder(fresh_home)
    assert read_status(folder) == "failed"
    assert not (folder / "tiny.ipynb").exists()


def test_a_notebook_without_language_metadata_takes_parameters(tiny, fresh_home):
    content = json.loads(tiny.read_text())
    assert "language_info" not in content["metadata"]
    assert run.run_notebook(tiny, {"ipc": "2"}) == 0


def test_a_notebook_that_never_finishes_its_work_fails(tmp_path, fresh_home, capsys):
    grid = """from rdc_kit.study.grid.arms import Arm
run.experiment("runs", [Arm("random")])
run.table("look", pd.DataFrame({"a": []}))"""
    parameters = 'dataset: str = "digits"\nprofile: str = "smoke"'
    path = tmp_path / "tiny.ipynb"
    write(path, OPEN, "import pandas as pd\n" + grid, CLOSE, parameters=parameters)
    assert run.run_notebook(path) == 1
    told = capsys.readouterr().err
    assert "'runs' was not made" in told
    assert "table 'look' is empty" in told
    without = write(tmp_path / "other.ipynb", OPEN, WORK)
    assert run.run_notebook(without) == 1
    assert "without reaching finish" in capsys.readouterr().err


def test_a_timeout_ends_the_kernel_too(tmp_path, fresh_home, capsys):
    slow = write(tmp_path / "slow.ipynb", OPEN + "import time; time.sleep(60)", CLOSE)
    began = time.monotonic()
    assert run.run_notebook(slow, timeout=8) == 1
    assert time.monotonic() - began < 40
    assert "stopped after 8 s" in capsys.readouterr().err
    manifest = files.read_json(the_folder(fresh_home) / "manifest.json")
    assert manifest["status"] == "failed"


def start_runner(path, *more):
    command = [sys.executable, "-m", "rdc_kit", "run", str(path), *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60):
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.1)
    assert condition()


def test_several_at_once_are_not_mixed_up(tmp_path, fresh_home):
    """Different parameters run side by side; the same ones wait for nobody and say why."""
    mark = str(tmp_path / "mark")
    wait = f"import pathlib, time\npathlib.Path({mark!r} + str(ipc)).touch()\n"
    wait += f"while not pathlib.Path({mark!r}).exists():\n    time.sleep(0.1)\n"
    work = "import pandas as pd\nrun.table('t', pd.DataFrame({'ipc': [ipc]}))"
    path = write(tmp_path / "both.ipynb", OPEN + wait, work, CLOSE)
    both = [start_runner(path, "-p", "ipc", str(ipc)) for ipc in (1, 2)]
    wait_for(lambda: all((tmp_path / f"mark{ipc}").exists() for ipc in (1, 2)), 240)
    third = start_runner(path, "-p", "ipc", "2")
    assert third.wait(240) == 3
    assert f"being worked on by process {both[1].pid}" in third.stderr.read()
    (tmp_path / "mark").touch()
    assert [one.wait(240) for one in both] == [0, 0]
    for folder in (fresh_home / "data" / "runs" / "notebooks").iterdir():
        ipc = files.read_json(folder / "manifest.json")["parameters"]["ipc"]
        assert (folder / "t.csv").read_text() == f"ipc\n{ipc}\n"
        assert f'"ipc = {ipc}' in (folder / "both.ipynb").read_text()
        assert read_status(folder) == "ok"


def test_ctrl_c_ends_as_failed(tmp_path, fresh_home):
    mark = tmp_path / "mark"
    body = f"import time, pathlib; pathlib.Path({str(mark)!r}).touch(); time.sleep(120)"
    slow = write(tmp_path / "slow.ipynb", OPEN + body, CLOSE)
    first = start_runner(slow)
    wait_for(mark.exists)
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 1
    assert "stopped by SIGINT" in first.stderr.read()
    assert read_status(the_folder(fresh_home)) == "failed"


def test_a_second_signal_does_not_cut_off_the_first(tmp_path, fresh_home):
    """Slurm sends SIGTERM to all processes, and a study then to its runs: they were not marked."""
    mark = tmp_path / "mark"
    body = f"import time, pathlib; pathlib.Path({str(mark)!r}).touch(); time.sleep(120)"
    first = start_runner(write(tmp_path / "slow.ipynb", OPEN + body, CLOSE))
    wait_for(mark.exists)
    end = time.monotonic() + 60
    while first.poll() is None and time.monotonic() < end:
        first.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        if read_status(the_folder(fresh_home)) == "failed":
            break
    assert first.wait(60) == 1
    told = first.stderr.read()
    assert "slow FAILED: stopped by SIGTERM" in told
    assert told.splitlines()[-1] == "run: stopped; the same call continues it"
    assert read_status(the_folder(fresh_home)) == "failed"
    assert not (the_folder(fresh_home) / "holder.json").exists()


def test_a_signal_that_comes_when_all_is_done_is_not_lost(fresh_home):
    """A study that runs one notebook after the other would go on with the next."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), run._signals() as came:
        signal.raise_signal(signal.SIGTERM)
        assert came == ["SIGTERM"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_killed_runner_is_seen_as_interrupted(tmp_path, fresh_home):
    mark = tmp_path / "mark"
    body = f"import time, pathlib; pathlib.Path({str(mark)!r}).touch(); time.sleep(30)"
    first = start_runner(write(tmp_path / "slow.ipynb", OPEN + body, CLOSE))
    wait_for(mark.exists)
    folder = the_folder(fresh_home)
    assert read_status(folder) == "running"
    kernel = files.read_json(folder / "manifest.json")["pid"]
    first.kill()
    first.wait()
    wait_for(lambda: not files.alive(kernel))  # nobody is left who could call it "ok"
    assert read_status(folder) == "interrupted"


def test_only_the_runner_says_ok_and_only_with_the_executed_notebook_in_place(
    tiny, fresh_home, monkeypatch
):
    """Killed after the kernel's last word, a run is not called ok."""

    def kernel_says(command, environment, log, timeout, came, tell):
        write_manifest(log.parent, "finished", seconds=1.0)
        return ""

    monkeypatch.setattr(run, "_supervise", kernel_says)
    with pytest.raises(FileNotFoundError):  # no executed notebook to move
        run._execute(tiny, {}, the_new_folder(fresh_home), None, 1, [])
    facts = files.read_json(the_new_folder(fresh_home) / "manifest.json")
    assert facts["status"] == "finished"


def test_the_executed_copy_holds_the_pictures_of_its_text(tiny, fresh_home, monkeypatch):
    """From its folder, a link that starts at the notebook's own would lead nowhere."""
    content = nbformat.read(tiny, as_version=4)
    content.cells.append(nbformat.v4.new_markdown_cell("![x](a.png)"))
    (tiny.parent / "a.png").write_bytes(b"png")

    def papermill(command, environment, log, timeout, came, tell):
        nbformat.write(content, command[4])
        write_manifest(log.parent, "finished", seconds=1.0)
        return ""

    monkeypatch.setattr(run, "_supervise", papermill)
    folder = the_new_folder(fresh_home)
    assert run._execute(tiny, {}, folder, None, 1, []) == 0
    shown = nbformat.read(folder / "tiny.ipynb", as_version=4).cells[-1]
    assert shown.source == "![x](attachment:0-a.png)"
    assert list(shown.attachments) == ["0-a.png"]
    assert not (folder / "tiny.partial.ipynb").exists()


@pytest.mark.parametrize("name", ["partial", ".partial"])
def test_a_notebook_called_as_the_unfinished_copy_once_was_keeps_its_own(
    name, tiny, fresh_home, monkeypatch
):
    def papermill(command, environment, log, timeout, came, tell):
        nbformat.write(nbformat.read(tiny, as_version=4), command[4])
        write_manifest(log.parent, "finished", seconds=1.0)
        return ""

    monkeypatch.setattr(run, "_supervise", papermill)
    notebook = tiny.replace(tiny.with_name(f"{name}.ipynb"))
    tiny = notebook
    assert run.run_notebook(notebook) == 0
    assert (the_folder(fresh_home) / notebook.name).is_file()


def the_new_folder(home):
    folder = home / "data" / "runs" / "notebooks" / "tiny-0"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_plain_papermill_works_too(tiny, fresh_home, tmp_path):
    """With a relative path, from another folder, without our runner."""
    command = [sys.executable, "-m", "papermill", "tiny.ipynb", "out.ipynb", "-k", "python3"]
    done = subprocess.run(command, cwd=tiny.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first = the_folder(fresh_home)
    assert read_status(first) == "ok"
    assert (
        subprocess.run([*command, "-l", "python", "-p", "ipc", "2"], cwd=tiny.parent).returncode
        == 0
    )
    folders = {*first.parent.iterdir()}
    assert len(folders) == 2  # no run takes another one's place
    assert {read_status(folder) for folder in folders} == {"ok"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 x", "expected whole numbers such as '1 10'"), ("", "expected"), ("0", "expected")],
)
def test_a_list_of_numbers_is_checked_before_anything_runs(text, message, capsys):
    path = notebooks_dir() / "02_pruning_metrics.ipynb"
    assert main(["run", str(path), "-p", "ipcs", text]) == 2
    assert message in capsys.readouterr().err


def with_exercise(path, *cells, after):
    """A notebook whose last cell is an exercise."""
    write(path, *cells)
    notebook = nbformat.read(path, as_version=4)
    tags = ["exercise", "raises-exception"]
    notebook.cells.append(nbformat.v4.new_code_cell(after, metadata={"tags": tags}))
    nbformat.write(notebook, path)
    return path


def test_an_exercise_that_fails_after_finish_fails_nobody(tmp_path, fresh_home):
    answer = "print(1 / 0)"
    good = with_exercise(tmp_path / "good.ipynb", OPEN, WORK, CLOSE, after=answer)
    assert run.run_notebook(good) == 0
    (folder,) = (fresh_home / "data" / "runs" / "notebooks").glob("good-*")
    assert read_status(folder) == "ok"
    assert "ZeroDivisionError" in (folder / "good.ipynb").read_text()
    unfinished = with_exercise(tmp_path / "bad.ipynb", OPEN, WORK, after=answer)
    assert run.run_notebook(unfinished) == 1


def test_another_cell_that_fails_after_finish_is_a_failure(tmp_path, fresh_home):
    assert run.run_notebook(write(tmp_path / "late.ipynb", OPEN, WORK, CLOSE, "1 / 0")) == 1


SPACE, LARGE, QUOTA = "No space left on device", "File too large", "Disk quota exceeded"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, f"{SPACE}: free some space, or {{}} a folder on another disk"),
        (errno.EDQUOT, f"{QUOTA}: free some space, or {{}} a folder on another disk"),
        (errno.EFBIG, f"{LARGE}: raise the limit of `ulimit -f`, or {{}} a folder on another disk"),
        (errno.EACCES, "Permission denied: allow writing there, or {} a folder of your own"),
        (errno.EROFS, "Read-only file system: {} a folder that can be written"),
        (errno.EIO, "Input/output error: look at the disk"),
    ],
)
def test_what_a_disk_refuses_is_named_with_a_remedy(fresh_home, number, told):
    """A full disk under --out asked to move RDC_HOME, which was not full."""
    goes_on = "; the same call goes on from what is there"
    said, at_home = os.strerror(number), told.format("set RDC_HOME to") + goes_on
    inside, outside = fresh_home / "data" / "x", fresh_home.parent / "x"
    assert run.disk_error(OSError(number, said, str(inside))) == f"{inside}: {at_home}"
    assert run.disk_error(OSError(number, said)) == at_home
    elsewhere = told.format("name") + goes_on
    assert run.disk_error(OSError(number, said, str(outside))) == f"{outside}: {elsewhere}"


def test_a_home_that_is_closed_is_told_with_a_remedy(tiny, fresh_home, monkeypatch, capsys):
    def closed(folder, needed):
        raise PermissionError(errno.EACCES, "Permission denied", str(fresh_home))

    monkeypatch.setattr(run.places, "require_free_space", closed)
    assert run.run_notebook(tiny) == 1
    told = f"tiny: {fresh_home}: Permission denied: allow writing there, or set RDC_HOME to a"
    assert capsys.readouterr().err.startswith(told)
