"""Plans: what is done is counted, the rest is estimated, and what cannot fit is refused."""

from dataclasses import replace

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground import store
from rdc_kit.ground.device import Runtime
from rdc_kit.ground.folders import runs_dir
from rdc_kit.methods import METHODS, Method
from rdc_kit.study.grid import plan
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.pace import Pace
from rdc_kit.study.grid.rows import Extra, made_elsewhere, trial_config
from rdc_kit.study.grid.setups import Setup
from rdc_kit.study.grid.workers import Split

from ...conftest import colour_blocks
from ..conftest import EXACT, HARD1, small_setup, small_trials


def test_a_plan_counts_estimates_and_trains_no_teacher(fresh_home):
    setup = small_setup()
    experiment = Experiment(setup, small_trials(setup))
    before = experiment.plan()
    assert (before.runs, before.done) == (24, 0)
    assert min(before.shared, before.sets, before.training) > 0
    assert 0 < experiment.plan(against_pool=False).shared < before.shared
    assert not list(fresh_home.glob("data/runs/teachers/*/result.json"))
    assert not list(fresh_home.glob("data/runs/train/*"))
    experiment.measure()
    after = experiment.plan(against_pool=False)
    assert (after.done, after.shared, after.sets, after.training) == (24, 0, 0, 0)
    assert str(after).startswith("24 runs, 24 already done; about 0 s on this machine")
    # The network on the whole pool is still to be trained, though no trial is.
    assert 0 < experiment.plan().shared < before.shared


def test_training_is_views_with_the_teachers_forward_passes_and_a_test(fresh_home, monkeypatch):
    """100 views and 10 test images a second; a forward pass is a third of a step."""
    monkeypatch.setattr(plan, "pace_of", lambda *_: Pace(100.0, 10.0))
    setup = small_setup()
    taught = rdc.protocols.soft(epochs=5)
    for protocol, steps in (
        (HARD1.but(epochs=5), 1),
        (taught, 1 + 1 / 3),
        (taught.but(teachers=4), 1 + 4 / 3),
    ):
        trials = plan_trials(setup, [Arm("random")], 2, [protocol], 1)
        views, tests = 5 * 2 * 3, 18
        training = plan.plan(setup, trials, against_pool=False).training
        assert training == pytest.approx(views * steps / 100 + tests / 10)


def test_what_else_is_measured_takes_its_time(fresh_home, monkeypatch):
    """15 trainings under stress were planned to take 14 s, and took 71."""
    monkeypatch.setattr(plan, "pace_of", lambda *_: Pace(100.0, 10.0))
    setup, extra = small_setup(), Extra((), lambda model, test: {}, asked=40)
    trials = plan_trials(setup, [Arm("random")], 2, [HARD1], 1)
    alone, both = (plan.plan(setup, trials, e, against_pool=False).training for e in (None, extra))
    assert both - alone == pytest.approx(40 / 10)  # in fp32


def test_memory_is_of_the_images_and_of_the_largest_training(fresh_home, monkeypatch):
    monkeypatch.setattr(plan, "step_bytes", lambda trial, setup: 10**8 * trial.ipc)
    setup = small_setup()
    trials = plan_trials(setup, [Arm("random")], [1, 3, 2], [HARD1], 1)
    images = (24 + 18) * 3 * 16 * 16
    assert plan.plan(setup, trials).memory == 6 * 10**8 + images + 3 * 10**8


def test_disk_is_of_each_set_and_of_stored_labels(fresh_home):
    setup = small_setup()
    labelled = rdc.protocols.named("lpld").but(epochs=3)
    trials = plan_trials(setup, [Arm("random"), Arm("noise")], 2, [HARD1, labelled], 1)
    each = 3 * 16 * 16 * 2 * 3  # of the two images of each of three classes
    labels = 6 * 31  # one epoch's labels of three, six images
    assert plan.plan(setup, trials).disk == 10**6 + 2 * each + 2 * labels


def test_a_plan_tells_of_runs_from_another_machine_that_it_does_not_use(fresh_home):
    setup = small_setup()
    trials = plan_trials(setup, [Arm("random"), Arm("sre2l")], 1, [HARD1], 1)
    assert not Experiment(setup, trials).plan().elsewhere
    on_gpu = Runtime(torch.device("cuda"), "bf16", channels_last=True)
    there = replace(small_setup(), runtime=on_gpu)
    for trial in trials:
        store.cached(runs_dir("train"), trial_config(trial, there), lambda home: {"top1": 50.0})
    told = Experiment(setup, trials).plan()
    assert (told.done, told.elsewhere) == (0, {"a GPU in bf16": 2})
    assert "2 more are there from a GPU in bf16, and not used" in str(told)
    assert made_elsewhere(trials[0], small_setup(probed=True)) == "a GPU in bf16"


def test_no_network_on_the_whole_pool_is_counted_for_two_networks(fresh_home):
    setup = small_setup()
    protocols = [HARD1, rdc.protocols.soft(epochs=1)]
    trials = plan_trials(setup, [Arm("random")], 1, protocols, 1)
    two = plan_trials(
        setup, [Arm("random")], 1, protocols, 1, students=["convnet2-w8", "convnet2-w4"]
    )

    def on_the_pool(trials):
        planned = Experiment(setup, trials).plan
        return planned().shared - planned(against_pool=False).shared

    assert on_the_pool(trials) > 0
    assert on_the_pool(two) == 0


def test_more_classes_than_images_of_a_probe_are_planned(fresh_home):
    """The probe's set had no image, and its steps were divided by none."""
    pool = colour_blocks(per_class=2, classes=600, size=8)
    setup = Setup(pool, pool, EXACT, probed=True)
    trials = plan_trials(setup, [Arm("el2n")], 1, [HARD1], 1)
    assert Experiment(setup, trials).plan().shared > 0


def test_a_method_of_ones_own_with_epochs_that_scores_nothing_is_planned(fresh_home, monkeypatch):
    def make(pool, ipc, seed, runtime, *, epochs=5):
        return rdc.select(pool, None, ipc, "random", seed)

    monkeypatch.setitem(METHODS, "mine", Method("mine", make, "baseline", "nothing", "", ""))
    setup = small_setup()
    planned = Experiment(setup, plan_trials(setup, [Arm("mine")], 1, [HARD1], 2)).plan()
    assert (planned.runs, planned.shared) == (2, 0)


def test_a_plan_of_more_than_the_disk_holds_is_refused(fresh_home):
    setup = small_setup()
    huge = rdc.protocols.named("lpld").but(keep=1.0, epochs=10**13)
    trials = plan_trials(setup, [Arm("random")], 1, [huge], 1)
    with pytest.raises(OSError, match=r"MB are needed: free some space"):
        Experiment(setup, trials).plan()


def test_a_set_costs_what_its_recipe_says():
    setup = small_setup(options={"iterations": 3, "drawn": 4, "crops": 5})

    def views(arm, ipc=2):
        return plan.set_views(plan_trials(setup, [arm], ipc, [HARD1], 1)[0], setup)

    assert views(Arm("random")) == views(Arm("pca")) == 0
    assert views(Arm("sre2l")) == 3 * 2 * 3  # iterations x ipc x classes; fp32 here
    assert views(Arm("sre2l", {"iterations": 7})) == 7 * 2 * 3
    assert views(Arm("rded")) == pytest.approx(4 * 3 * 5 / 3)


def test_a_teacher_is_needed_by_soft_labels_and_by_some_methods():
    def asked(name, method, made=False):
        trials = plan_trials(small_setup(), [Arm(method)], 1, [rdc.protocols.named(name)], 1)
        return plan.ensemble_of(trials, [] if made else trials, 16)

    assert [asked("hard", name) for name in ("random", "pca", "rded", "sre2l")] == [0, 0, 1, 1]
    assert asked("hard", "sre2l", made=True) == 0
    assert asked("soft", "random") == asked("soft", "sre2l", made=True) == 1
    assert asked("hard", "gvbsm") > 1


def test_several_processes_divide_the_runs_and_not_what_they_share():
    shares = plan.Plan(8, 0, 10.0, 20.0, 60.0, 0, 0, 10**9, Split(4, 1))
    assert shares.seconds == 10 + (20 + 60) / 4
    assert shares.and_took(31.2) == "planned 30 s, took 31 s"
    assert "by 4 processes of 1 thread" in str(shares)
    assert "memory: about 1.0 GB for each process" in str(shares)
