"""Paces: probed once per machine, alone and beside others."""

import torch

from rdc_kit.study.grid import pace
from rdc_kit.train import training

from .test_processes import dying_processes
from .test_workers import experiment, fresh_process  # noqa: F401 (a fixture)


def test_threads_are_as_many_as_asked_for_a_while():
    before = torch.get_num_threads()
    with pace.threads_of(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_processes_are_probed_at_the_same_time(fresh_home):
    one = experiment()
    rate = pace.pace_together(one.setup, one.trials[0].student, 1, 2)
    assert rate > 0
    assert pace.pace_together(one.setup, one.trials[0].student, 1, 2) == rate  # kept


def test_a_probe_whose_process_fails_is_0_for_now(fresh_home, monkeypatch):
    """A neighbour that had taken the memory may be gone the next time."""
    one, asked = experiment(), (1, 2)
    assert pace.pace_together(one.setup, "convnet9-w8", *asked) == 0  # too deep for 16 px
    with monkeypatch.context() as patch:
        dying_processes(patch)
        assert pace.pace_together(one.setup, one.trials[0].student, *asked) == 0
    assert pace.pace_together(one.setup, one.trials[0].student, *asked) == 0  # not asked again
    pace._hopeless.clear()  # another process
    assert pace.pace_together(one.setup, one.trials[0].student, *asked) > 0


def test_a_bar_says_that_it_is_of_a_probe(monkeypatch):
    """It said "training convnet4-w128", before any training had been asked for."""
    one, names = experiment(), []

    def shown(items, what, **rest):
        names.append(what)
        return items

    monkeypatch.setattr(training, "bar", shown)
    student = one.trials[0].student
    pace.probe(one.setup, student, 1)
    assert set(names) == {f"probe of {student}"}
