"""The session on a GPU: in order, within its time, and one failure does not stop the rest."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from rdc_kit.__main__ import main
from rdc_kit.commands import gpu
from rdc_kit.commands.options import parser


@pytest.fixture
def lent(monkeypatch):
    """A GPU that does nothing; returns the calls that were made, and what they end with."""
    calls, clock, results = [], [0.0], {}

    def run(command, timeout):
        calls.append((command[2], command[3:], timeout))
        what = results.get(len(calls), (0, 60.0))
        clock[0] += min(what[1], timeout)
        if what[1] > timeout:
            raise subprocess.TimeoutExpired(command, timeout)
        return what[0]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(gpu, "_ended", run)
    monkeypatch.setattr(gpu.time, "monotonic", lambda: clock[0])
    return calls, results


def test_tests_come_first_and_every_step_leaves_its_table(lent, tmp_path, capsys):
    calls, _ = lent
    assert gpu.gpu(25, tmp_path) == 0
    assert [module for module, *_ in calls] == ["pytest", *["rdc_kit"] * 5]
    made = [parser().parse_args(words) for _, words, _ in calls[1:]]  # the command line knows all
    assert [options.out.parent for options in made[:-1]] == [tmp_path] * 4
    assert made[-1].verb == "evidence"
    assert made[-1].minutes == pytest.approx(25 - 5 - 20 / 60, abs=0.01)  # what is left
    assert capsys.readouterr().out.splitlines()[-1] == f"gpu: 6 of 6 steps ok on a GPU; {tmp_path}"


def test_tests_are_found_from_any_folder_and_left_out_where_there_are_none(
    lent, tmp_path, monkeypatch
):
    calls, _ = lent
    monkeypatch.chdir(tmp_path)
    gpu.gpu(25, tmp_path)
    assert Path(calls[0][1][-1], "conftest.py").is_file()
    monkeypatch.setattr(gpu, "checkout", lambda: None)  # an installed package
    assert [step.words[0] for step in gpu.steps(tmp_path)] == ["rdc_kit"] * 5


def test_what_fails_or_hangs_does_not_stop_the_rest(lent, tmp_path, capsys):
    calls, results = lent
    results |= {1: (1, 5.0), 3: (0, 10**9)}
    assert gpu.gpu(25, tmp_path) == 1
    assert len(calls) == 6
    said = capsys.readouterr().out
    assert "tests that need a GPU: failed with status 1 after 5 s" in said
    assert "ResNet-18, 224 px: ended, no time left after 3 min" in said


def test_steps_for_which_no_time_is_left_are_not_begun(lent, tmp_path, capsys):
    calls, results = lent
    results |= {2: (0, 200.0)}
    assert gpu.gpu(4, tmp_path) == 1
    assert [timeout for *_, timeout in calls] == [240, 120, 60]
    assert "runs per hour: left out, no time" in capsys.readouterr().out


def test_without_a_gpu_nothing_is_begun(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["gpu"]) == 2
    assert "needs a CUDA GPU" in capsys.readouterr().err


_WITH_A_HELPER = """
import subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(helper.pid))
time.sleep(60)
"""


def test_a_step_whose_time_is_over_ends_with_all_that_it_started(tmp_path):
    told = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        gpu._ended([sys.executable, "-c", _WITH_A_HELPER, str(told)], 3.0)
    helper = int(told.read_text())
    limit = time.monotonic() + 20
    while psutil.pid_exists(helper) and psutil.Process(helper).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert gpu._ended([sys.executable, "-c", "raise SystemExit(3)"], 60.0) == 3
