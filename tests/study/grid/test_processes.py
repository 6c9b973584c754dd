"""Processes beside this one: they are told all, and their death stops nobody."""

import contextlib
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from multiprocessing import resource_tracker

import pytest

from rdc_kit.ground import store
from rdc_kit.study.grid import processes

MEGABYTE = b"x" * (1 << 20)


@contextlib.contextmanager
def within(seconds):
    """What takes longer has hung."""

    def late(*_):
        raise AssertionError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def dying_processes(monkeypatch):
    """Every process that is started ends at once, with 1."""
    resource_tracker.ensure_running()  # it is a process, too
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", shutil.which("false").encode())


def _write(work, name):
    folder, content = work
    (folder / name).write_bytes(content)


def test_each_process_is_told_all_the_work_and_its_own_share(tmp_path):
    started = processes.start_processes(_write, (tmp_path, MEGABYTE), [("a",), ("b",)])
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0]
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [MEGABYTE, MEGABYTE]


def _say_state(folder, name):
    (folder / name).write_text(store.git_state())


def test_a_process_is_of_the_commit_at_which_the_one_that_started_it_began(tmp_path, monkeypatch):
    """Others may commit while it starts."""
    monkeypatch.setitem(store._states, store.checkout(), "0123456789ab")
    for process in processes.start_processes(_say_state, tmp_path, [("a",)]):
        process.join(60)
    assert (tmp_path / "a").read_text() == "0123456789ab"


def _wait_for_ctrl_c(folder, name):
    (folder / name).touch()
    time.sleep(60)


@pytest.mark.parametrize("at_once", [True, False])
def test_ctrl_c_ends_a_process_without_a_traceback(tmp_path, capfd, at_once):
    """A terminal sends it to all processes of a call, and each printed one, or its imports did."""
    (started,) = processes.start_processes(_wait_for_ctrl_c, tmp_path, [("a",)])
    with within(60):
        while not (at_once or (tmp_path / "a").exists()):
            time.sleep(0.05)
        os.kill(started.pid, signal.SIGINT)
        started.join()
    assert started.exitcode == 130
    assert capfd.readouterr().err == ""


def test_a_process_that_dies_while_it_starts_is_not_waited_for(tmp_path, monkeypatch):
    dying_processes(monkeypatch)
    with within(30):
        started = processes.start_processes(_write, (tmp_path, MEGABYTE), [("a",), ("b",)])
        for process in started:
            process.join()
    assert [process.exitcode for process in started] == [1, 1]


# Digits are more than a pipe holds.
SCRIPT = """
import rdc_kit as rdc
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.setups import Setup

setup = Setup(*rdc.load("digits", size=16))
trials = plan_trials(setup, [Arm("random")], 1, [rdc.protocols.hard(epochs=2)], 4)
print(len(Experiment(setup, trials).measure(workers=2)), "rows")
"""


def test_a_script_without_a_guard_is_told_of_it_and_gets_its_table(tmp_path, monkeypatch):
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "home"))
    (tmp_path / "script.py").write_text(SCRIPT)
    call = [sys.executable, "script.py"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == "4 rows\n"  # once, and none by the helper
    assert 'put the calls under `if __name__ == "__main__":`' in done.stderr
    assert "1 of 1 helping processes died" in done.stderr


def test_a_process_that_has_started_may_call_a_grid():
    processes.check_guard()
    with pytest.raises(RuntimeError, match="runs the top of your script"), starting():
        processes.check_guard()


@contextlib.contextmanager
def starting():
    """This process, as one is that runs its script's top."""
    process = multiprocessing.current_process()
    process._inheriting = True
    try:
        yield
    finally:
        del process._inheriting


def test_a_process_keeps_its_work_and_not_the_bytes_it_came_as(monkeypatch):
    """Each worker held its pool and test set twice for its whole life."""
    monkeypatch.setattr(store, "begin_at", lambda state: None)
    held = []

    class Reader(contextlib.nullcontext):
        def recv_bytes(self):
            return pickle.dumps(("", {}, pickle.dumps(10 * MEGABYTE)))

    def target(work):
        held.append(tracemalloc.get_traced_memory()[0])
        assert work == 10 * MEGABYTE

    tracemalloc.start()
    try:
        processes._begin(target, Reader())
    finally:
        tracemalloc.stop()
    assert len(MEGABYTE) * 10 < held[0] < len(MEGABYTE) * 15
