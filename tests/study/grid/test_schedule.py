"""The campaign's work: in order, once each, whoever dies."""

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import torch

from rdc_kit.ground import locks, store
from rdc_kit.ground.device import choose_runtime
from rdc_kit.ground.folders import PACKAGE
from rdc_kit.study.grid import planfile, schedule, workers
from rdc_kit.study.grid.making import make_rows
from rdc_kit.train.training import Diverged

from .plans import PLAN, plan_in
from .test_processes import dying_processes, within


def with_soft_lines(n, more=""):
    """The small plan, and two lines that need the teachers of the same seeds."""
    soft = PLAN.split("[[line]]")[1].replace("n = 3", f'n = {n}\nprotocols = ["soft"]\n{more}')
    lines = [
        soft.replace('"random"\n', f'"{key}"\n', 1).replace("ipc = 1", ipc)
        for key, ipc in {"one": "ipc = 1", "two": "ipc = 2"}.items()
    ]
    return "[[line]]".join([PLAN.replace("[[line]]", "teacher_epochs = 2\n[[line]]", 1), *lines])


@pytest.mark.parametrize(
    ("more", "taught"),
    [
        ("", [(key, seed) for seed in range(3) for key in ("one", "two")]),
        ('frozen = ["teacher"]', [(key, seed) for key in ("one", "two") for seed in range(3)]),
    ],
)
def test_what_needs_a_teacher_comes_together_and_by_that_teacher(
    tmp_path, monkeypatch, more, taught
):
    """Line by line, every teacher was needed again by the next line, maybe on another machine."""
    plan_in(tmp_path, monkeypatch).write_text(with_soft_lines(3, more))
    lines = planfile.read_plan()
    easy = [("easy", seed) for seed in range(4)]
    plain = [("random", seed) for seed in range(3)]
    assert ordered(lines) == [*easy, *plain, *taught]
    named = {line.key: line for line in lines}
    asked = [named[key] for key in ("one", "random", "two")]  # of one priority
    assert ordered(asked) == [*taught, *plain]
    given = [named["random"], named["easy"]]  # of a later priority
    assert ordered(given) == [*easy, *plain]
    assert ordered(given, as_given=True) == [*plain, *easy]


def ordered(lines, **how):
    return [(line.key, seed) for line, seed in schedule.in_order(lines, **how)]


def test_who_finds_a_teacher_in_training_does_something_else(
    tmp_path, monkeypatch, fresh_home, capsys
):
    """All replicates share one teacher; once it is there, nobody is kept from them."""
    plan_in(tmp_path, monkeypatch).write_text(with_soft_lines(3, 'frozen = ["teacher"]'))
    lines = [line for line in planfile.read_plan() if line.key in ("random", "one")]
    work = schedule.Work(lines, 300, make_rows)
    with locks.lock(tmp_path / store.LOCKS / "tiny-teacher-0", "its training"):
        schedule.work_through(work, 1)
        assert [len(line.missing()) for line in lines] == [0, 3]
        assert "one: " not in capsys.readouterr().out  # it has made other rows
        schedule.work_through(work, 1)
        assert "one: tiny-teacher-0 is being worked on by process" in capsys.readouterr().out
        lines[1].setting.setup.teacher_of()
        schedule.work_through(work, 1)
    assert [len(line.missing()) for line in lines] == [0, 0]


def foretell(monkeypatch, lacks):
    """Let every replicate be expected to take 5 s, and so much more if it lacks something.

    Args: lacks: seconds of what is missing, by seed.
    """

    class Foretold:
        def __init__(self, setup, trials, name):
            self.shared = lacks.get(trials[0].seed, 0.0)
            self.seconds = self.shared + 5

        def plan(self, against_pool):
            return self

    monkeypatch.setattr(schedule, "Experiment", Foretold)


@pytest.mark.parametrize(("device", "made"), [("cpu", []), ("cuda", [0, 1, 2, 3])])
def test_the_plans_minutes_are_of_two_cores(tmp_path, monkeypatch, fresh_home, device, made):
    """A GPU goes by what is foretold for it, a CPU by the longer of the two."""
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    runtime = replace(choose_runtime(), device=torch.device(device))
    monkeypatch.setattr(schedule, "choose_runtime", lambda: runtime)
    easy = replace(planfile.read_plan()[1], minutes=60.0)
    found = []
    work = schedule.Work([easy], 100, lambda line, trials, workers: found.append(trials[0].seed))
    schedule.work_through(work, 1)
    assert found == made


def test_a_teacher_that_was_trained_once_is_not_expected_again(tmp_path, monkeypatch, fresh_home):
    """The first replicate takes 1,005 s, for it lacks a scoring run; the others take 5 s."""
    plan_in(tmp_path, monkeypatch)
    lacks, clock, made = {0: 1000.0}, [0.0], []

    def make(line, trials, workers):
        clock[0] += lacks.pop(trials[0].seed, 0.0) + 5
        made.append(trials[0].seed)

    foretell(monkeypatch, lacks)
    monkeypatch.setattr(schedule.time, "monotonic", lambda: clock[0])
    easy = planfile.read_plan()[1]
    schedule.work_through(schedule.Work([easy], 1030, make), 1)
    assert made == [0, 1, 2, 3]
    made.clear()
    schedule.work_through(schedule.Work([easy], 17, make), 1)
    assert made == [0, 1, 2]  # 2 s are left


def test_a_replicate_that_cannot_be_made_is_named_and_passed_over(
    tmp_path, monkeypatch, fresh_home, capsys
):
    """It stood before all that comes later, in every call."""
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    made = []
    errors = {("easy", 1): Diverged("the loss is nan"), ("random", 0): IndexError("of a method")}

    def make(line, trials, workers):
        if (line.key, trials[0].seed) in errors:
            raise errors[line.key, trials[0].seed]
        made.append((line.key, trials[0].seed))

    lines = planfile.read_plan()
    lines.append(replace(lines[0], key="easy-1", priority=3))  # whose name is much like "easy", 1
    assert not schedule.work_through(schedule.Work(lines, 300, make), 1)
    expected = {"easy": [0, 2, 3], "random": [1, 2], "easy-1": [0, 1, 2]}
    assert made == [(key, seed) for key, seeds in expected.items() for seed in seeds]
    first, second = capsys.readouterr().err.splitlines()
    assert first == "easy: replicate 1 cannot be made and is passed over: the loss is nan"
    assert f"passed over: IndexError: of a method ({__file__}, line " in second


def test_a_replicate_that_one_process_cannot_make_is_tried_by_no_other(
    tmp_path, monkeypatch, fresh_home, capsys
):
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    tried = []

    def make(line, trials, workers):
        tried.append((line.key, trials[0].seed))
        raise Diverged("the loss is nan at epoch 3")

    for call in ("one", "two"):  # a new call tries again
        tried.clear()
        for _ in range(2):  # processes of the call
            work = schedule.Work(planfile.read_plan(), 300, make, call)
            assert not schedule._Worker(work).work_on()
        assert len(tried) == len(set(tried)) == 7
        assert capsys.readouterr().err.count("cannot be made and is passed over") == 7


def test_a_line_without_its_data_is_said_once_and_holds_up_no_other(
    tmp_path, monkeypatch, fresh_home, capsys
):
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    lines = planfile.read_plan()
    absent = replace(lines[0].setting, name="absent", dataset=f"folder:{tmp_path}/nowhere")
    lines = [replace(lines[0], key="absent", setting=absent, priority=1), *lines]
    made = []
    work = schedule.Work(lines, 300, lambda line, *_: made.append(line.key), "call")
    for _ in range(2):
        assert not schedule._Worker(work).work_on()
    assert set(made) == {"random", "easy"}
    said = capsys.readouterr().err
    assert said.startswith("absent cannot be made here: ")
    assert said.count("nowhere") == 1


def test_a_line_that_asks_for_too_many_images_is_said_once(
    tmp_path, monkeypatch, fresh_home, capsys
):
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    random, easy = planfile.read_plan()
    made = []
    work = schedule.Work(
        [random, replace(easy, ipc=10000)], 300, lambda line, *_: made.append(line.key)
    )
    assert not schedule.work_through(work, 1)
    assert set(made) == {"random"}
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("easy cannot be made here: class ")
    assert "10000 are asked of each class" in said


def test_a_disk_that_takes_nothing_ends_the_work(tmp_path, monkeypatch, fresh_home):
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})

    def make(line, trials, workers):
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space"):
        schedule.work_through(schedule.Work(planfile.read_plan(), 300, make), 1)


def nothing(line, trials, workers):
    """Stands for making rows."""


def test_processes_that_die_while_they_start_are_told_and_not_waited_for(
    tmp_path, monkeypatch, fresh_home, capfd
):
    """The work is more than a pipe holds, as a plan with data that are loaded is."""
    dying_processes(monkeypatch)
    plan_in(tmp_path, monkeypatch)
    foretell(monkeypatch, {})
    lines = planfile.read_plan()
    assert lines[0].setting.setup.pool.images.numel() > 1 << 17
    with within(60):
        assert not schedule.work_through(schedule.Work(lines, 300, nothing), 3)
    said = capfd.readouterr()
    assert "2 of 2 other processes died (exit status 1, 1)" in said.err
    assert said.out.count("replicate") == 7  # none of them is missing


@pytest.mark.parametrize(
    ("measure", "told", "took", "seconds", "made"),
    [
        ("accuracy", 3600, [5, 5, 5, 5], 3603, [0, 1, 2, 3]),  # an hour would not fit once more
        ("entropy", 1, [100, 100, 100, 100], 350, [0, 1, 2]),  # another second would
        ("entropy", 1, [3000, 5, 5, 5], 3020, [0, 1, 2, 3]),  # the first trained the observer
    ],
)
def test_what_earlier_replicates_took_counts_for_more_than_the_plan(
    tmp_path, monkeypatch, fresh_home, measure, told, took, seconds, made
):
    plan_in(tmp_path, monkeypatch)
    clock, found = [0.0], []

    def make(line, trials, workers):
        clock[0] += took[len(found)]
        found.append(trials[0].seed)

    foretell(monkeypatch, {})
    monkeypatch.setattr(schedule.time, "monotonic", lambda: clock[0])
    easy = replace(planfile.read_plan()[1], measure=measure, minutes=4 * told / 60)
    assert schedule.work_through(schedule.Work([easy], seconds, make), 1)
    assert found == made


def test_auto_starts_no_more_processes_than_the_memory_holds(monkeypatch):
    started = []
    monkeypatch.setattr(workers, "cores", lambda: 64)
    monkeypatch.setattr(workers, "free_memory", lambda: 6 * 10**9)
    monkeypatch.setattr(
        schedule, "start_processes", lambda _, work, rest: started.extend(rest) or []
    )
    assert schedule.work_through(schedule.Work([], 60, nothing), "auto")
    assert len(started) == 2


# The other of two processes is killed in its second replicate; the one that began waits for it.
TWO_PROCESSES = """
import multiprocessing
import os
import signal
import time
from pathlib import Path

from rdc_kit.study.grid import planfile, schedule
from rdc_kit.study.grid.making import make_rows


def make(line, trials, workers):
    replicate = f"{line.key} {trials[0].seed}"
    with Path("made.txt").open("a") as made:
        made.write(replicate + "\\n")
    begun, killed, end = Path("begun"), Path("killed"), time.monotonic() + 100
    if multiprocessing.parent_process() is None:
        while not begun.exists() and time.monotonic() < end:
            time.sleep(0.1)
    elif not begun.exists():
        begun.touch()
    elif not killed.exists():
        killed.write_text(replicate)
        os.kill(os.getpid(), signal.SIGKILL)
    make_rows(line, trials, workers)


if __name__ == "__main__":
    work = schedule.Work(planfile.read_plan(), 300, make)
    whole = schedule.work_through(work, 2)
    print(whole, schedule.work_through(work, 1))
"""


def test_every_replicate_is_made_once_though_a_process_is_killed(tmp_path):
    """In a copy of the kit, whose plan is the small one in every process."""
    shutil.copytree(PACKAGE, tmp_path / "rdc_kit")
    for name in ("notebooks", "data/evidence"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "data" / "evidence" / "plan.toml").write_text(with_soft_lines(3))
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "RDC_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "two.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("False True\n")
    assert "1 of 1 other processes died (exit status -9)" in done.stderr
    made = (tmp_path / "made.txt").read_text().splitlines()
    killed = (tmp_path / "killed").read_text()
    assert made.count(killed) == 2
    assert all(made.count(replicate) == 1 for replicate in {*made} - {killed})
    rows = pd.read_csv(tmp_path / "data" / "evidence" / "campaign-tiny.csv")
    assert not rows.duplicated(["arm", "protocol", "budget", "seed"]).any()
    assert len(rows) == 8 + 6  # the line of random images finds its rows among those of the easy
