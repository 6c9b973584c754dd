"""Experiments: tidy, made once, interrupted, shared by processes."""

import multiprocessing
import os

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground import locks, progress
from rdc_kit.study.grid import experiments, rows
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.setups import Seeds

from ..conftest import HARD1, small_setup, small_trials

ARMS = [Arm("random"), Arm("pca", {"order": "random"})]
STEADY = ["top1", "top5", "per_class", "steps", "views", "set_hash", "run_hash", "image_bytes"]


def small_compare(seeds=2):
    setup = small_setup()
    return Experiment(setup, plan_trials(setup, ARMS, 2, [rdc.protocols.hard(epochs=2)], seeds))


def test_a_grid_is_every_combination_and_random_is_always_in_it():
    trials = small_trials(small_setup())
    assert len(trials) == 3 * 2 * 2 * 2
    assert len(set(map(repr, trials))) == len(trials)
    assert {trial.arm.method for trial in trials} == {"random", "sre2l", "el2n"}
    assert all(trial.seeds.set == trial.seeds.training == trial.seed for trial in trials)
    assert all(trial.seeds.scoring == trial.seeds.teacher == trial.seed for trial in trials)
    assert [trial.seed for trial in trials] == [0] * 12 + [1] * 12
    with pytest.raises(ValueError, match="did you mean 'sre2l'"):
        small_trials(small_setup(), methods=["srel2"])
    with pytest.raises(ValueError, match="unknown network 'resnet19'"):
        small_trials(small_setup(), students=["resnet19"])


def test_without_protocols_labels_are_hard_and_the_student_is_the_sources():
    (trial,) = plan_trials(small_setup(), [Arm("random")], 1, seeds=[7])
    assert trial.protocol == rdc.protocols.hard()
    assert (trial.student, trial.seed) == ("convnet2-w8", 7)


def test_a_comparison_is_tidy_and_made_once(fresh_home, monkeypatch):
    table = small_compare().measure()
    assert list(table.columns) == rows.COLUMNS
    assert list(table["arm"]) == ["random", "pca order=random"] * 2
    assert list(table["seed"]) == [0, 0, 1, 1]
    assert table["run_hash"].nunique() == 4
    assert (table["views"] == table["steps"] * table["batch"]).all()
    assert (table["label_bytes"] == 6).all()
    assert (table["image_bytes"] > 6 * 100).all()
    monkeypatch.setattr(rows, "evaluate", None)  # a second training would fail
    pd.testing.assert_frame_equal(small_compare().measure(), table)


def test_what_was_fetched_does_not_count_in_the_time_that_is_told(fresh_home, monkeypatch):
    """A fetched run counted as one made: the minutes of the others were told as seconds."""
    now, told = [0.0], []

    def row_of(trial, setup, extra, wait=True):
        now[0] += 60 if trial.seed == 9 else 0.01
        return dict.fromkeys(rows.COLUMNS)

    monkeypatch.setattr(experiments, "row_of", row_of)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    setup = small_setup()
    trials = plan_trials(setup, [Arm("random")], 1, [HARD1], [1, 2, 3, 9, 8])
    seconds = (0.04, 0.03, 0.02, 60, 0)
    Experiment(setup, trials).measure(lambda *both: told.append(both))
    assert told == [(k, pytest.approx(s)) for k, s in zip(range(1, 6), seconds, strict=True)]


def test_a_grid_is_tidy_and_a_second_call_trains_nothing(fresh_home, monkeypatch):
    setup = small_setup()
    trials = small_trials(setup)
    table = Experiment(setup, trials).measure()
    assert list(table.columns) == rows.COLUMNS
    assert table["run_hash"].nunique() == len(table) == len(trials)
    soft = table[table["labels"] == "soft"]
    assert (soft["teacher"] == "convnet2-w8-bn").all()
    assert (soft["teacher_top1"] > 90).all()
    assert (soft["label_bytes"] == soft["ipc"] * 3 * 2 * (2 * 3 + 25)).all()
    hard = table[table["labels"] == "hard"]
    assert (hard["teacher"] == "").all()
    assert (hard["label_bytes"] == hard["ipc"] * 3).all()
    monkeypatch.setattr(rows, "evaluate", None)  # any training would fail
    again = small_setup()
    assert all(rows.is_measured(trial, again) for trial in trials)
    pd.testing.assert_frame_equal(Experiment(again, trials).measure(), table)


def test_a_replicate_seeds_everything():
    setup = small_setup()
    (first, second) = plan_trials(setup, [Arm("pca")], 1, seeds=2)
    assert [first.seeds, second.seeds] == [Seeds(0, 0, 0, 0), Seeds(1, 1, 1, 1)]


def test_frozen_layers_are_shared_by_all_but_random(fresh_home):
    setup = small_setup()
    arms = [Arm("random"), Arm("noise"), Arm("el2n"), Arm("pca", {"order": "random"})]
    trials = plan_trials(setup, arms, 1, [HARD1], 2, frozen=("scoring", "set"))
    made = {(t.arm.key, t.seed): t.seeds for t in trials}
    assert made["el2n", 1] == Seeds(scoring=0, teacher=1, set=0, training=1)
    for key in ("random", "noise", "pca order=random"):
        assert made[key, 1].set == 1, key
    table = Experiment(setup, [t for t in trials if t.arm.method in ("random", "el2n")]).measure()
    assert table.groupby("arm")["set_hash"].nunique().to_dict() == {"random": 2, "el2n": 1}
    assert table[table["arm"] == "el2n"]["scoring_seed"].tolist() == [0, 0]


def test_layers_can_be_nested():
    trials = plan_trials(small_setup(), [Arm("el2n")], 1, [HARD1], 6, trainings=3)
    assert [t.seeds.training for t in trials] == [0, 1, 2, 3, 4, 5]
    assert [t.seeds.set for t in trials] == [t.seeds.scoring for t in trials] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frozen": ["scores"]}, "unknown layer 'scores' - did you mean 'scoring'"),
        ({"trainings": 0}, "trainings must be a whole number of at least 1"),
    ],
)
def test_layers_that_there_are_not_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        plan_trials(small_setup(), [Arm("random")], 1, **given)


@pytest.mark.parametrize("name", ["arms", "ipcs"])
def test_a_grid_without_trials_is_refused_before_it_is_planned(name):
    """It was planned, and then pandas missed the columns of its table."""
    setup, given = small_setup(), {"arms": ARMS, "ipcs": [1]}
    with pytest.raises(ValueError, match=f"^{name} must name at least one, got an empty list$"):
        plan_trials(setup, **(given | {name: []}))
    with pytest.raises(ValueError, match="a grid needs at least one trial, got"):
        Experiment(setup, [])


def test_two_protocols_of_one_name_are_refused():
    """Only results and run_hash told their rows apart, and tables took them for replicates."""
    setup, hard = small_setup(), rdc.protocols.hard(epochs=2)
    faster = hard.but(lr=3e-2)
    message = (
        r"of random are called 'hard', with lr 0\.001 and 0\.03: give one a name.*\.but\(name="
    )
    with pytest.raises(ValueError, match=message):
        Experiment(setup, plan_trials(setup, [Arm("random")], 1, [hard, faster], 2))
    named = [hard, faster.but(name="faster")]
    assert len(Experiment(setup, plan_trials(setup, [Arm("random")], 1, named, 2)).trials) == 4
    arms = [Arm("random"), Arm("random", {}, {"lr": 3e-2})]  # told apart by their keys
    assert len(Experiment(setup, plan_trials(setup, arms, 1, [hard], 2)).trials) == 4


def test_the_sets_of_an_experiment_are_the_first_of_each_arm(fresh_home):
    setup = small_setup()
    experiment = Experiment(setup, small_trials(setup, methods=["noise", "el2n"]))
    made = experiment.sets()
    assert list(made) == ["random", "noise", "el2n"]
    assert all(one.counts().tolist() == [2, 2, 2] for one in made.values())
    assert torch.equal(made["random"].images, setup.make("random", 2).images)


def _work(home, threads):
    os.environ["RDC_HOME"] = str(home)
    torch.set_num_threads(threads)
    setup = small_setup()
    Experiment(setup, small_trials(setup, epochs=30)).measure()


def start(home):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(home, torch.get_num_threads()))
    process.start()
    return process


def test_a_grid_killed_half_way_ends_with_the_same_table(tmp_path, monkeypatch):
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "killed"))
    process = start(tmp_path / "killed")
    folder = tmp_path / "killed" / "data" / "runs" / "train"
    while len(list(folder.glob("*/result.json"))) < 5:
        assert process.is_alive(), "it ended before it could be killed"
        process.join(0.02)
    process.kill()
    process.join()
    setup = small_setup()
    trials = small_trials(setup, epochs=30)
    done = sum(rows.is_measured(trial, setup) for trial in trials)
    assert 5 <= done < len(trials)
    resumed = Experiment(setup, trials).measure()
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "straight"))
    straight = Experiment(small_setup(), trials).measure()
    pd.testing.assert_frame_equal(resumed[STEADY], straight[STEADY])


def test_two_processes_share_a_grid_and_no_run_is_made_twice(tmp_path, monkeypatch):
    home = tmp_path / "shared"
    workers = [start(home), start(home)]
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0]
    monkeypatch.setenv("RDC_HOME", str(home))
    setup = small_setup()
    table = Experiment(setup, small_trials(setup, epochs=30)).measure()
    results = list((home / "data" / "runs" / "train").glob("*/result.json"))
    assert len(results) == len(table) == table["run_hash"].nunique() == 24


def test_what_another_process_is_at_is_put_off_and_fetched_later(fresh_home, monkeypatch):
    """The first run is locked until the others are done; no order of the table changes."""
    setup = small_setup()
    trials = small_trials(setup, methods=["noise"], seeds=1)
    real, asked = experiments.row_of, []

    def locked_once(trial, *arguments, **settings):
        k = trials.index(trial)
        asked.append(k)
        if k == 0 and asked.count(0) == 1:
            raise locks.Locked("somebody is at it")
        return real(trial, *arguments, **settings)

    monkeypatch.setattr(experiments, "row_of", locked_once)
    table = Experiment(setup, trials).measure()
    assert asked == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert list(table["method"]) == [trial.arm.method for trial in trials]
