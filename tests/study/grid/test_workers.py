"""Workers share a grid: the same table, no trial made twice, a death costs its trial only."""

import multiprocessing
import os
import pickle
import signal
import time
from dataclasses import replace

import pandas as pd
import psutil
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.ground.device import Runtime
from rdc_kit.study.analyses import robustness
from rdc_kit.study.grid import pace, workers
from rdc_kit.study.grid.arms import Arm, method_arms
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.setups import Setup

from ...conftest import colour_blocks
from .test_processes import dying_processes, within

EXACT = Runtime(torch.device("cpu"), "fp32", channels_last=False)
STEADY = ["arm", "seed", "top1", "top5", "per_class", "steps", "set_hash", "run_hash"]


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """One in which no probe has failed."""
    monkeypatch.setattr(pace, "_hopeless", set())


def experiment(epochs=20, seeds=3, **more):
    setup = Setup(colour_blocks(per_class=8), colour_blocks(seed=0), EXACT)
    arms = [*method_arms(["noise"]), Arm("pca", {"order": "random"})]
    trials = plan_trials(setup, arms, [1, 2], [rdc.protocols.hard(epochs=epochs)], seeds)
    return Experiment(setup, trials, **more)


def test_workers_make_the_table_that_one_process_makes(fresh_home, tmp_path, monkeypatch):
    with pace.threads_of(1):
        alone = experiment().measure()
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "other"))
    before = torch.get_num_threads()
    shared = experiment().measure(workers=3)
    assert torch.get_num_threads() == before
    pd.testing.assert_frame_equal(shared[STEADY], alone[STEADY])
    results = list((tmp_path / "other" / "data" / "runs" / "train").glob("*/result.json"))
    assert len(results) == len(alone) == alone["run_hash"].nunique()


def test_helpers_do_make_trials(fresh_home):
    """With nothing done by this process, all trials are there in the end."""
    one = experiment()
    with workers.helpers(one.setup, one.trials, None, 2, 1):
        for process in multiprocessing.active_children():
            process.join(120)
    assert not [t for t in one.trials if not workers.is_measured(t, one.setup)]


def test_a_helper_that_is_killed_costs_nothing_but_its_trial(fresh_home):
    one = experiment(epochs=60)
    with workers.helpers(one.setup, one.trials, None, 2, 1):
        victim = multiprocessing.active_children()[0]
        os.kill(victim.pid, signal.SIGKILL)
        table = one.measure()
    assert table["run_hash"].nunique() == len(one.trials)


def test_helpers_that_die_while_they_start_are_told_and_not_waited_for(
    fresh_home, monkeypatch, capfd
):
    """The pool does not fit into a pipe, so who wrote it there waited for ever."""
    dying_processes(monkeypatch)
    setup = Setup(colour_blocks(per_class=64), colour_blocks(seed=0), EXACT)
    trials = plan_trials(setup, [Arm("random")], 1, [rdc.protocols.hard(epochs=2)], 4)
    with within(60):
        assert pace.pace_together(setup, trials[0].student, 1, 2) == 0
        table = Experiment(setup, trials).measure(workers=3)
    assert table["seed"].tolist() == [0, 1, 2, 3]
    assert "2 of 2 helping processes died (exit status 1, 1)" in capfd.readouterr().err


def _share(home):
    os.environ["RDC_HOME"] = str(home)
    experiment(epochs=400, seeds=20).measure(workers=2)


def test_helpers_end_with_a_parent_that_is_killed(tmp_path):
    context = multiprocessing.get_context("spawn")
    parent = context.Process(target=_share, args=(tmp_path,))
    parent.start()
    runs = tmp_path / "data" / "runs" / "train"
    wait_for(lambda: len(psutil.Process(parent.pid).children(recursive=True)) >= 1)
    wait_for(lambda: len(list(runs.glob("*/holder.json"))) >= 2)  # both are training
    helpers = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.join()
    gone, alive = psutil.wait_procs(helpers, timeout=60)
    assert gone
    assert not alive
    assert len(list(runs.glob("*/result.json"))) < 180  # the grid was not finished


def wait_for(condition):
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_what_is_measured_beside_accuracy_reaches_a_worker():
    extra = robustness.stress(count=5)
    assert pickle.loads(pickle.dumps(extra)).columns == extra.columns


@pytest.fixture
def paces(monkeypatch):
    """Set views per second by number of threads, on four cores; returns the probes made."""
    asked = []

    def of(rates):
        def probe(setup, student, ipc):
            asked.append(torch.get_num_threads())
            return pace.Pace(rates[torch.get_num_threads()], 1000.0)

        for module in (workers, pace):
            monkeypatch.setattr(module, "cores", lambda: 4)
        monkeypatch.setattr(pace, "probe", probe)
        return asked

    return of


def test_a_probe_decides_and_is_kept(fresh_home, paces):
    one, asked = experiment(seeds=4, epochs=2000), paces({1: 100.0, 4: 150.0})
    assert workers.best_split(one.setup, one.trials) == (4, 1)  # 4 x 100 against 150
    assert workers.best_split(one.setup, one.trials) == (4, 1)
    assert asked == [1, 4]  # once each
    assert workers.best_split(one.setup, one.trials[:8]) == (2, 1)  # four trials for each
    assert workers.best_split(one.setup, one.trials[:3]) == (1, 4)
    assert workers.best_split(one.setup, []) == (1, torch.get_num_threads())


def test_threads_that_help_each_other_stay_in_one_process(fresh_home, paces):
    one = experiment(seeds=4, epochs=2000)
    paces({1: 100.0, 4: 390.0})
    assert workers.best_split(one.setup, one.trials) == (1, 4)


def test_threads_that_gain_little_are_left_out(fresh_home, paces):
    one = experiment(seeds=1, epochs=2000)
    paces({1: 100.0, 4: 110.0})
    assert workers.best_split(one.setup, one.trials[:3]) == (1, 1)


def test_a_grid_of_seconds_starts_no_process(fresh_home, paces):
    one = experiment(seeds=4, epochs=20)
    paces({1: 1e5, 4: 1e5})
    assert workers.best_split(one.setup, one.trials) == (1, 1)


@pytest.mark.parametrize(
    ("together", "expected", "probes"),
    [
        ({2: 190.0, 4: 300.0, 8: 310.0}, 4, [2, 4, 8]),  # the last doubling is not worth it
        ({2: 105.0}, 1, [2]),
        ({2: 0.0}, 1, [2]),  # no memory for two
    ],
)
def test_a_gpu_gets_more_processes_while_they_finish_more(
    fresh_home, monkeypatch, paces, together, expected, probes
):
    one, asked = experiment(seeds=20, epochs=2000), []
    paces({torch.get_num_threads(): 100.0})

    def fake(setup, student, ipc, count):
        asked.append(count)
        return together[count]

    monkeypatch.setattr(workers, "cores", lambda: 16)
    monkeypatch.setattr(workers, "free_memory", lambda: 64 * 10**9)
    monkeypatch.setattr(workers, "pace_together", fake)
    gpu = replace(one.setup, runtime=replace(EXACT, device=torch.device("cuda")))
    monkeypatch.setattr(pace, "machine_name", lambda device: "a GPU")
    monkeypatch.setattr(workers, "free_on", lambda device: 80 * 10**9)
    split = workers.best_split(gpu, one.trials)
    assert (split.processes, asked) == (expected, probes)
    assert workers.best_split(gpu, one.trials[:4]).processes == 1


def test_a_gpu_gets_no_more_processes_than_it_has_memory_for(fresh_home, monkeypatch, paces):
    one, asked = experiment(seeds=20, epochs=2000), []
    paces({torch.get_num_threads(): 100.0})
    wide = replace(one.trials[0], student="convnet2-w256", protocol=rdc.protocols.hard(epochs=1))
    gpu = replace(one.setup, runtime=replace(EXACT, device=torch.device("cuda")))

    def fake(setup, student, ipc, count):
        asked.append((student, count))
        return 100.0 * count

    monkeypatch.setattr(workers, "cores", lambda: 16)
    monkeypatch.setattr(workers, "free_memory", lambda: 64 * 10**9)
    monkeypatch.setattr(workers, "pace_together", fake)
    monkeypatch.setattr(pace, "machine_name", lambda device: "a GPU")
    needed = workers.step_bytes(wide, one.setup) + workers._CONTEXT
    monkeypatch.setattr(workers, "free_on", lambda device: 3 * needed)
    assert workers.best_split(gpu, [*one.trials, wide]).processes == 2
    assert asked == [("convnet2-w256", 2)]  # not the one that takes longest


@pytest.mark.parametrize(("gigabytes", "most"), [(1, 1), (6, 3), (999, 8)])
def test_there_are_as_many_processes_as_cores_and_memory_for_them(monkeypatch, gigabytes, most):
    monkeypatch.setattr(workers, "cores", lambda: 8)
    monkeypatch.setattr(workers, "free_memory", lambda: gigabytes * 10**9)
    assert workers.most_processes() == most


def test_every_process_needs_room_for_the_images(monkeypatch):
    """A set that is mapped from disk is sent to each of them as well."""
    monkeypatch.setattr(workers, "cores", lambda: 8)
    monkeypatch.setattr(workers, "free_memory", lambda: 24 * 10**9)
    assert workers.most_processes(images=10**9) == 6
    assert workers.most_processes(images=15 * 10**9) == 1
    one = experiment(seeds=8)
    pixels = torch.zeros(1, dtype=torch.uint8).expand(800_000, 3, 16, 16)
    rows = torch.zeros(800_000, dtype=torch.int64)
    large = replace(one.setup.pool, images=pixels, labels=rows, row_ids=rows)
    setup = replace(one.setup, pool=large, test=large)
    assert workers._most_for(setup, one.trials) < workers._most_for(one.setup, one.trials)


def test_a_number_is_taken_as_it_is(fresh_home, monkeypatch):
    one = experiment(seeds=4)
    monkeypatch.setattr(workers, "cores", lambda: 8)
    assert workers.split_of("4", one.setup, one.trials) == (4, 2)
    assert workers.split_of(16, one.setup, one.trials[:3]) == (3, 2)
    assert workers.split_of(1, one.setup, one.trials) == (1, torch.get_num_threads())


def test_an_error_in_a_helper_is_seen_where_the_grid_began(fresh_home, capfd):
    one = experiment()
    wrong = replace(one.trials[-1], student="convnet9-w8")  # 16 px are too small for nine blocks
    with pytest.raises(ValueError, match="ConvNet of depth 9 needs images of 512 px"):
        Experiment(one.setup, [*one.trials[:4], wrong]).measure(workers=2)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(("text", "expected"), [("auto", 0), ("3", 3), (2, 2)])
def test_workers_are_a_number_or_auto(text, expected):
    assert workers.workers_from(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", 0, ""])
def test_other_workers_are_refused_before_any_training(text, capsys):
    with pytest.raises(ValueError, match="workers must be 'auto' or a whole number of at least 1"):
        workers.workers_from(text)
    call = [
        "benchmark",
        "--methods",
        "noise",
        "--ipc",
        "1",
        "--epochs",
        "1",
        "--workers",
        str(text),
    ]
    assert main(call) == 2
    assert "workers must be" in capsys.readouterr().err
