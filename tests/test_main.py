"""The command line: verdicts and exit statuses."""

import errno
import signal
import subprocess
import sys

import pytest
import torch

from rdc_kit.__main__ import ACTIONS, main
from rdc_kit.commands import benchmark, reports
from rdc_kit.commands.options import VERBS, parser
from rdc_kit.ground.locks import Locked
from rdc_kit.train.training import Diverged


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"example: rdc {verb}" in " ".join(capsys.readouterr().out.split())


def test_every_verb_does_something():
    assert ACTIONS.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_example_is_understood(verb):
    assert parser().parse_args(VERBS[verb][1].split()[1:]).verb == verb


def test_an_old_name_of_a_verb_still_works():
    assert parser().parse_args(["bench", "--rounds", "1"]).verb == "speed"


def test_unknown_verbs_exit_2():
    with pytest.raises(SystemExit) as ended:
        main(["benhc"])
    assert ended.value.code == 2


def test_without_a_verb_it_says_where_to_start(capsys, monkeypatch):
    assert main([]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "rdc needs a verb. To begin:"
    verbs = [line.split("rdc_kit ")[-1].split("rdc ")[-1].split()[0] for line in told[1::2]]
    assert verbs == ["doctor", "study", "notebooks", "compress", "--help"]


def test_the_module_runs_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "rdc_kit", "methods"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Locked("a set is being worked on"), 3, "runs: a set is being worked on"),
        (Diverged("the loss is nan"), 1, "runs: the loss is nan"),
        (ValueError("no such thing"), 2, "runs: no such thing"),
        (FileExistsError("it exists"), 2, "runs: it exists"),
        (
            FileExistsError(errno.EEXIST, "File exists", "/data/x"),
            2,
            "runs: /data/x: File exists: move it away, or name another place; the same call goes "
            "on from what is there",
        ),
        (OSError("no space, says the kit"), 1, "runs: no space, says the kit"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/x"),
            1,
            "runs: /data/x: No such file or directory: check the name, or put it there; the same "
            "call goes on from what is there",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a"),
            1,
            "runs: the GPU has no room for 2.00 GiB more: use a smaller size, batch or network; "
            "the same call goes on from what is there",
        ),
        (KeyboardInterrupt(), 1, "runs: stopped; the same call continues it"),
    ],
)
def test_each_end_has_its_status_and_one_line(monkeypatch, capsys, error, status, told):
    def ends():
        raise error

    monkeypatch.setattr(reports, "list_runs", ends)
    assert main(["runs"]) == status
    assert capsys.readouterr().err.strip() == told


def test_sigterm_ends_a_verb_with_a_line_and_its_own_status(monkeypatch, capsys):
    """As a batch system sends it: a benchmark was gone without a word."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(reports, "list_runs", lambda: signal.raise_signal(signal.SIGTERM))
    assert main(["runs"]) == 143
    assert capsys.readouterr().err.strip() == "runs: stopped; the same call continues it"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_ends_it_at_once():
    code = """import signal, sys, time
from rdc_kit import __main__
from rdc_kit.commands import reports

def stubborn():
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(60)

reports.list_runs = stubborn
sys.exit(__main__.main(["runs"]))"""
    done = subprocess.run([sys.executable, "-c", code], timeout=50, capture_output=True)
    assert done.returncode == -signal.SIGTERM


def test_a_full_gpu_is_better_used_by_fewer(monkeypatch, capsys):
    def ends(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(benchmark, "benchmark", ends)
    assert main(["benchmark", "--methods", "random"]) == 1
    assert "has no room: use --workers 1, or a smaller" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error():
    call = f"{sys.executable} -m rdc_kit claims --results evidence | head -1"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
    assert done.stdout.startswith("anchor: ")
    assert done.stderr == ""
