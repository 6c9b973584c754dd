"""The grid: planned, cached, interrupted, shared by processes; and what is computed from it."""

import math
import multiprocessing
import os

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import store
from rdc_kit.ground.runtime import Runtime
from rdc_kit.study.grid import plan
from rdc_kit.study.grid import rows as runs
from rdc_kit.study.grid.experiments import Bench, grid, run_cells
from rdc_kit.study.verdicts import metrics

from .conftest import colour_blocks

EXACT = Runtime(torch.device("cpu"), "fp32", channels_last=False)
QUICK = {"iterations": 3, "epochs": 2}


def small_bench(**changes):
    pool, test = colour_blocks(per_class=8), colour_blocks(seed=0)
    options = {"teacher_epochs": 20, "options": QUICK, **changes}
    return Bench(pool, test, EXACT, **options)


def small_grid(bench, methods=("sre2l", "el2n"), seeds=2, epochs=2, **options):
    recipes = [rdc.protocols.hard(epochs=epochs), rdc.protocols.soft(epochs=epochs)]
    return grid(bench, methods, [1, 2], recipes, seeds, **options)


def test_a_grid_is_every_combination_and_random_is_always_in_it():
    cells = small_grid(small_bench())
    assert len(cells) == 3 * 2 * 2 * 2
    assert len(set(map(repr, cells))) == len(cells)
    assert {cell.arm.method for cell in cells} == {"random", "sre2l", "el2n"}
    assert all(cell.set_seed == cell.seed for cell in cells)
    with pytest.raises(ValueError, match="did you mean 'sre2l'"):
        small_grid(small_bench(), methods=["srel2"])
    with pytest.raises(ValueError, match="unknown network 'resnet19'"):
        small_grid(small_bench(), students=["resnet19"])


def test_a_grid_is_tidy_and_a_second_call_trains_nothing(fresh_home, monkeypatch):
    bench = small_bench()
    cells = small_grid(bench)
    table = run_cells(cells, bench)
    assert list(table.columns) == runs.COLUMNS
    assert table["config_hash"].nunique() == len(table) == len(cells)
    soft = table[table["labels"] == "soft"]
    assert (soft["teacher"] == "convnet2-w8-bn").all()
    assert (soft["teacher_top1"] > 90).all()
    assert (soft["label_bytes"] == soft["ipc"] * 3 * 2 * (2 * 3 + 25)).all()
    hard = table[table["labels"] == "hard"]
    assert (hard["teacher"] == "").all()
    assert (hard["label_bytes"] == hard["ipc"] * 3).all()
    monkeypatch.setattr(runs, "evaluate", None)  # any training would fail
    again = small_bench()
    assert all(again.done(cell) for cell in cells)
    pd.testing.assert_frame_equal(run_cells(cells, again), table)


def test_one_set_serves_all_seeds_when_asked(fresh_home):
    bench = small_bench()
    cells = small_grid(bench, methods=["noise"], seeds=2, one_set=True)
    table = run_cells(cells, bench)
    assert (table["set_seed"] == 0).all()
    assert sorted(table["seed"].unique()) == [0, 1]
    configs = [
        store.read_json(runs.train_dir() / name / "config.json") for name in table["config_hash"]
    ]
    assert len({config["stored"] for config in configs}) == 4  # two methods x two ipcs


def _work(home, threads):
    os.environ["RDC_HOME"] = str(home)
    torch.set_num_threads(threads)
    bench = small_bench()
    run_cells(small_grid(bench, epochs=30), bench)


def start(home):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(home, torch.get_num_threads()))
    process.start()
    return process


STEADY = ["top1", "top5", "per_class", "steps", "views", "config_hash", "image_bytes"]


def test_a_grid_killed_half_way_ends_with_the_same_table(tmp_path, monkeypatch):
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "killed"))
    process = start(tmp_path / "killed")
    folder = tmp_path / "killed" / "data" / "runs" / "train"
    while len(list(folder.glob("*/result.json"))) < 5:
        assert process.is_alive(), "it ended before it could be killed"
        process.join(0.02)
    process.kill()
    process.join()
    bench = small_bench()
    cells = small_grid(bench, epochs=30)
    done = sum(bench.done(cell) for cell in cells)
    assert 5 <= done < len(cells)
    resumed = run_cells(cells, bench)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "straight"))
    straight = run_cells(cells, small_bench())
    pd.testing.assert_frame_equal(resumed[STEADY], straight[STEADY])


def test_two_processes_share_a_grid_and_no_run_is_made_twice(tmp_path, monkeypatch):
    home = tmp_path / "shared"
    workers = [start(home), start(home)]
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0]
    monkeypatch.setenv("RDC_HOME", str(home))
    bench = small_bench()
    table = run_cells(small_grid(bench, epochs=30), bench)
    results = list((home / "data" / "runs" / "train").glob("*/result.json"))
    assert len(results) == len(table) == table["config_hash"].nunique() == 24


def test_what_another_process_is_at_is_put_off_and_fetched_later(fresh_home, monkeypatch):
    """The first run is locked until the others are done; no order of the table changes."""
    bench = small_bench()
    cells = small_grid(bench, methods=["noise"], seeds=1)
    real, asked = Bench.run, []

    def locked_once(self, cell):
        k = cells.index(cell)
        asked.append(k)
        if k == 0 and asked.count(0) == 1:
            raise store.Locked("somebody is at it")
        return real(self, cell)

    monkeypatch.setattr(Bench, "run", locked_once)
    table = run_cells(cells, bench)
    assert asked == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert list(table["method"]) == [cell.arm.method for cell in cells]


def test_an_impatient_caller_is_told_who_holds_a_run(tmp_path):
    home = tmp_path / store.config_hash({"a": 1})
    told = pytest.raises(store.Locked, match="is being worked on by process")
    with store.lock(home, "other"), store.impatient(), told:
        store.cached(tmp_path, {"a": 1}, lambda home: 1)
    assert store.cached(tmp_path, {"a": 1}, lambda home: 1) == 1


def test_a_plan_counts_estimates_and_trains_no_teacher(fresh_home):
    bench = small_bench()
    cells = small_grid(bench)
    before = plan.plan(cells, bench)
    assert (before.runs, before.done) == (24, 0)
    assert min(before.shared, before.sets, before.training) > 0
    assert not list(fresh_home.glob("data/runs/teachers/*/result.json"))
    assert not list(fresh_home.glob("data/runs/train/*"))
    run_cells(cells, bench)
    after = plan.plan(cells, bench)
    assert (after.done, after.shared, after.sets, after.training) == (24, 0, 0, 0)
    assert str(after).startswith("24 runs, 24 already done; about 0 s on this machine")


def test_a_plan_of_more_than_the_disk_holds_is_refused(fresh_home):
    bench = small_bench()
    huge = rdc.protocols.find("lpld").but(keep=1.0, epochs=10**13)
    cells = grid(bench, ["random"], [1], [huge], 1)
    with pytest.raises(OSError, match=r"MB are needed: free some space"):
        plan.plan(cells, bench)


def test_a_test_set_in_another_order_is_found_out_before_soft_labels_are_used(fresh_home):
    pool, test = colour_blocks(per_class=8, classes=5), colour_blocks(classes=5, seed=0)
    test.labels[:] = (test.labels + 1) % 5
    with pytest.raises(DataError, match="classes in the same order"):
        Bench(pool, test, EXACT, teacher_epochs=20).asked()


def test_the_same_set_under_two_protocols_gives_two_rows(fresh_home):
    """C17: the protocol alone moves the number; each method's own is there to show it."""
    bench = small_bench()
    recipes = [rdc.protocols.find(n).but(epochs=3) for n in ("sre2l", "rded", "gvbsm", "lpld")]
    table = run_cells(grid(bench, ["rded"], [2], recipes, 1), bench)
    mine = table[table["method"] == "rded"]
    assert list(mine["protocol"]) == ["sre2l", "rded", "gvbsm", "lpld"]
    assert list(mine["view"]) == ["whole", "shuffle", "whole", "whole"]
    assert mine["teacher"].iloc[2].count(",") == 3  # four networks answer together
    assert mine["label_bytes"].iloc[3] == 6 * 1 * 31  # one epoch's labels of three


# Metrics


def test_lrs_and_ars_are_on_fractions_and_lie_in_0_to_1():
    middle = (1 - math.exp(-1)) / (math.e - math.exp(-1))
    assert metrics.lrs(50, 50, 30, 30) == pytest.approx(middle) == pytest.approx(0.269, abs=1e-3)
    assert metrics.ars(40, 40, 20, 20) == pytest.approx(middle)
    assert metrics.lrs(0, 100, 100, 0) == pytest.approx(1)
    assert metrics.lrs(100, 0, 0, 100) == pytest.approx(0)
    assert 0 < metrics.lrs(80, 70, 60, 30) < 1  # 9371 in the released code, which takes percent
    assert metrics.hlr(80, 70) == 10
    assert metrics.ior(30, 60) == -30


def test_ranking_compares_with_full_data_and_with_random_of_the_same_ipc():
    rows = [
        ("random", "baseline", 1, "hard", 20), ("random", "baseline", 1, "soft", 40),
        ("random", "baseline", 1, "hard", 22), ("random", "baseline", 1, "soft", 44),
        ("pca", "pca", 1, "hard", 31), ("pca", "pca", 1, "soft", 41),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "family", "ipc", "labels", "top1"])
    found = metrics.ranking(table, full=81).set_index("method")
    assert found.loc["random", ["hard", "soft", "gap", "hlr"]].tolist() == [21, 42, 21, 60]
    assert found.loc["pca", ["ior_hard", "ior_soft"]].tolist() == [10, -1]
    assert found.loc["pca", "lrs"] == pytest.approx(metrics.lrs(81, 31, 41, 42))
    with pytest.raises(ValueError, match="no runs with soft labels"):
        metrics.ranking(table[table["labels"] == "hard"], 81)
    with pytest.raises(ValueError, match="no random baseline"):
        metrics.ranking(table[table["method"] == "pca"], 81)


def test_a_teachers_answers_are_summed_up_as_written(fresh_home):
    bench = small_bench()
    teacher = bench.asked().teacher
    found = metrics.answers(teacher, {"pool": bench.pool, "one": bench.pool[[0, 0]]}, EXACT)
    assert found.loc["pool", "classes"] == 3
    assert found.loc["pool", "right"] == pytest.approx(teacher.top1)
    assert found.loc["one", ["classes", "spread"]].tolist() == [1, 0]
    assert 1 / 3 <= found.loc["one", "sure"] <= 1


# The command


def test_the_benchmark_command_plans_runs_and_reports(fresh_home, capsys, tmp_path):
    out = tmp_path / "grid.csv"
    call = ["benchmark", "--size", "16", "--methods", "noise", "rded", "--ipc", "1", "--seeds", "2"]
    call += ["--epochs", "2", "--teacher-epochs", "8", "--device", "cpu", "--out", str(out)]
    assert main([*call, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "3 methods x ipc 1 x hard, soft x 2 seeds" in told
    assert "12 runs, 0 already done" in told
    assert not out.exists()
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "lrs in 0..1" in told
    assert "teacher convnet3-w32-bn: " in told
    assert told.strip().splitlines()[-1] == f"benchmark: 12 runs in {out}"
    assert len(pd.read_csv(out)) == 12
    found = pd.read_csv(tmp_path / "grid-differences.csv")
    assert list(zip(found["protocol"], found["a"])) == [  # noqa: B905
        ("hard", "noise"), ("hard", "rded"), ("soft", "noise"), ("soft", "rded")
    ]  # fmt: skip
    assert (found["reading"] == "not evidence").all()  # two seeds
    assert pd.read_csv(tmp_path / "grid-ranking.csv")["lrs"].between(0, 1).all()
    assert (fresh_home / "figures" / "benchmark-digits-16px.png").is_file()
    assert main([*call, "--plan"]) == 0
    assert "12 runs, 12 already done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--methods", "sre2"], "did you mean 'sre2l'"),
        (["--labels", "smooth"], "labels must be hard or soft, got 'smooth'"),
        (["--protocols", "rdde"], "did you mean 'rded'"),
        (["--students", "resnet19"], "unknown network 'resnet19'"),
        (["--seeds", "0"], "seeds and ipc must be at least 1"),
        (["--ipc", "999"], "are asked of each class"),
        (["--teacher", "torchvision:resnet18", "--methods", "rded"], "knows ImageNet-1K"),
    ],
)
def test_wrong_grids_are_refused_with_one_clear_line(fresh_home, capsys, given, message):
    assert main(["benchmark", "--epochs", "1", "--ipc", "1", "--seeds", "1", *given]) == 2
    assert message in capsys.readouterr().err


def test_the_protocols_stand_side_by_side():
    table = rdc.protocols.compare("hard", "soft", "rded", "gvbsm")
    assert list(table.columns) == ["hard", "soft", "rded", "gvbsm"]
    assert table.loc["labels"].tolist() == ["hard", "soft", "soft", "soft"]
    assert table.loc["loss", "gvbsm"] == "mse"
    assert "weight_decay" not in table.index  # the same in all four
    everything = rdc.protocols.compare()
    assert set(rdc.METHODS) & set(everything.columns) == {
        "sre2l", "cda", "dwa", "lpld", "gvbsm", "rded"
    }  # fmt: skip
    assert everything.loc["source"].notna().all()


def test_half_cosine_and_warm_up_are_the_written_out_schedules():
    rded = rdc.protocols.find("rded").but(epochs=10, lr=1.0)
    assert rded.lr_at(0) == 1
    assert rded.lr_at(10) == pytest.approx(0.5)
    tiny = rdc.protocols.find("tiny").but(lr=1.0)
    assert [tiny.lr_at(e) for e in (0, 4, 5)] == pytest.approx([0.2, 1.0, 1.0])
