"""Times of the start: in fresh processes, the empty one taken off."""

import subprocess
import time

from rdc_kit.commands import startup


def test_the_least_round_counts_and_the_empty_process_is_taken_off(monkeypatch):
    """Each process takes what the table says; the first round, and slow ones, do not count."""
    clock, calls = [0.0], []
    costs = {"pass": 0.5, "import torch": 2.0, "import rdc_kit": 3.0}

    def run(command, **settings):
        calls.append(command)
        turn = (len(calls) - 1) // 5
        clock[0] += costs.get(command[-1], 4.0) + {0: 0.0, 1: 7.0, 2: 0.25, 3: 7.0}[turn]

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    found = startup.startup_times(rounds=3)
    assert len(calls) == 4 * 5
    assert found.keys() == {"import torch", "import rdc_kit", "import and first use", "rdc --help"}
    assert found["import torch"] == 2.25 - 0.75
    assert found["import rdc_kit"] == 3.25 - 0.75


def test_the_line_gives_ratios_of_imports(monkeypatch):
    times = {"import torch": 2.0, "import rdc_kit": 2.2, "import and first use": 3.0}
    monkeypatch.setattr(startup, "startup_times", lambda rounds: times | {"rdc --help": 0.1})
    line = startup.startup_line()
    assert line == (
        "import rdc_kit 2.20 s, 1.10 times import torch (2.00 s); with first use 1.50 times; "
        "rdc --help 0.10 s"
    )


def test_the_import_costs_little_more_than_torch():
    """Once, for real: a fresh process each."""
    found = startup.startup_times(rounds=1)
    assert found["import torch"] > 0
    assert found["rdc --help"] < found["import and first use"]
