"""The verb benchmark: planned, run, reported; wrong grids are refused."""

import shutil

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.commands import benchmark
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials

from ..conftest import picture
from ..study.conftest import small_setup


def test_labels_and_names_become_protocols_once_each():
    found = benchmark.chosen_protocols(["hard", "soft"], ["rded", "soft"], 7)
    assert [p.name for p in found] == ["hard", "soft", "rded"]
    assert {p.epochs for p in found} == {7}
    usual = benchmark.chosen_protocols(["hard"], ["rded"])
    assert usual == [rdc.protocols.hard(), rdc.protocols.named("rded")]


def test_the_benchmark_command_plans_runs_and_reports(fresh_home, capsys, tmp_path):
    out = tmp_path / "grid.csv"
    call = ["benchmark", "--size", "16", "--methods", "noise", "rded", "--ipc", "1", "--seeds", "2"]
    call += ["--epochs", "2", "--teacher-epochs", "8", "--device", "cpu", "--out", str(out)]
    assert main([*call, "--plan"]) == 0
    told = capsys.readouterr().out
    # The network that scores and trains, and the teacher with batch norm.
    assert told.startswith("planning by short timed probes of 2 networks, made once and kept")
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
    assert found["p"].isna().all()
    assert "by Holm's correction over the methods of one ipc" in told
    assert pd.read_csv(tmp_path / "grid-ranking.csv")["lrs"].between(0, 1).all()
    assert (tmp_path / "grid-labels.png").is_file()
    assert main([*call, "--plan"]) == 0
    assert "12 runs, 12 already done" in capsys.readouterr().out


def test_what_is_asked_for_twice_is_planned_once(fresh_home, monkeypatch, capsys):
    """It was planned and trained twice, and failed at the end."""
    monkeypatch.setenv("RDC_PRECISION", "fp32")
    monkeypatch.setattr(benchmark.Experiment, "plan", lambda grid, _: f"{len(grid.trials)} runs")
    call = [
        "benchmark",
        "--size",
        "16",
        "--labels",
        "hard",
        "hard",
        "--seeds",
        "1",
        "--epochs",
        "1",
    ]
    call += ["--methods", "random", "random", "--ipc", "1", "2", "1", "--plan", "--students"]
    assert main([*call, "convnet2-w8", "convnet3-w8", "convnet2-w8"]) == 0
    assert capsys.readouterr().out.endswith("\n4 runs\n")


def table_of(methods):
    """Rows of a grid with both labels, as far as its summary and figure read them."""
    facts = {"dataset": "digits", "size": 16, "student": "net", "epochs": 3, "ipc": 1}
    facts["per_class"] = "20.00 30.00"
    rows = [
        {"arm": name, "method": name, "family": "baseline", "seed": seed, "top1": 20 + 3.0 * seed}
        | {"protocol": labels, "labels": labels, **facts}
        for name in methods
        for labels in ("hard", "soft")
        for seed in range(2)
    ]
    return pd.DataFrame(rows)


def test_an_arm_is_printed_by_its_options_though_it_is_the_methods_only_one(tmp_path, capsys):
    """PCA by another metric was printed as PCA."""
    table = table_of(["random", "pca"])
    table["arm"] = table["arm"].replace("pca", "pca metric=aum")
    benchmark._keep(table[table["labels"] == "hard"], tmp_path / "runs.csv")
    assert capsys.readouterr().out.count("pca metric=aum") == 2
    assert pd.read_csv(tmp_path / "runs-differences.csv")["a"].tolist() == ["pca metric=aum"]
    assert set(pd.read_csv(tmp_path / "runs.csv")["method"]) == {"random", "pca"}


def test_another_benchmark_of_a_dataset_keeps_the_figure_of_the_first(fresh_home, tmp_path):
    for name, methods in (("a", ["random", "el2n"]), ("b", ["random", "rded"])):
        benchmark._draw(table_of(methods), tmp_path / name / "runs.csv")
    drawn = [pd.read_csv(tmp_path / name / "runs-labels.csv") for name in "ab"]
    assert [set(table["method"]) - {"random"} for table in drawn] == [{"el2n"}, {"rded"}]


def test_the_rows_are_kept_though_their_summary_fails(tmp_path, monkeypatch):
    def fails(table):
        raise ValueError("no summary")

    monkeypatch.setattr(benchmark, "differences_to_random", fails)
    with pytest.raises(ValueError, match="no summary"):
        benchmark._keep(table_of(["random"]), tmp_path / "runs.csv")
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 4


def test_a_grid_whose_ranking_cannot_be_made_is_kept_and_drawn(
    fresh_home, capsys, tmp_path, monkeypatch
):
    """It ended with 2, without differences and figure, though all of its runs had succeeded."""

    def fails(setup, student):
        raise rdc.DataError("the teacher gets 40.0 % of the pool")

    monkeypatch.setattr(benchmark.Setup, "whole_pool", fails)
    out = tmp_path / "grid.csv"
    call = ["benchmark", "--size", "16", "--methods", "noise", "--ipc", "1", "--seeds", "1"]
    call += ["--epochs", "1", "--teacher-epochs", "8", "--device", "cpu", "--out", str(out)]
    assert main(call) == 0
    *_, announced, reason, last = capsys.readouterr().out.strip().splitlines()
    assert announced.startswith("for the ranking: convnet3-w32 on the whole pool, 8 epochs")
    assert reason == "no ranking: the teacher gets 40.0 % of the pool"
    assert last == f"benchmark: 4 runs in {out}"
    kept = {path.name for path in tmp_path.iterdir()}
    assert {"grid-differences.csv", "grid-labels.png"} < kept
    assert "grid-ranking.csv" not in kept


def test_a_source_without_a_test_split_and_with_a_corrupt_image_is_measured(
    fresh_home, capsys, tmp_path
):
    """The message named an option that the verb did not have, and Python that it cannot take."""
    for k in range(12):
        picture(tmp_path / "own" / "ab"[k % 2] / f"{k}.png", k, size=(16, 16))
    (tmp_path / "own" / "a" / "bad.png").write_bytes(b"no image")
    call = ["benchmark", "--dataset", f"folder:{tmp_path / 'own'}", "--methods", "random"]
    call += ["--ipc", "1", "--seeds", "1", "--labels", "hard", "--epochs", "1", "--device", "cpu"]
    assert main([*call, "--plan"]) == 2
    assert "bad.png" in capsys.readouterr().err
    assert main([*call, "--on-bad", "skip", "--plan"]) == 0
    told = capsys.readouterr().out
    assert "1 images left out" in told
    assert "2 of its images are held out" in told
    assert "1 run, 0 already done" in told
    assert "1 method x ipc 1 x hard x 1 seed;" in told


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--methods", "sre2"], "did you mean 'sre2l'"),
        (["--labels", "smooth"], "labels must be hard or soft, got 'smooth'"),
        (["--protocols", "rdde"], "did you mean 'rded'"),
        (["--students", "resnet19"], "unknown network 'resnet19'"),
        (["--seeds", "0"], "seeds must be a number of at least 1"),
        (["--ipc", "999"], "are asked of each class"),
        (["--teacher", "torchvision:resnet18", "--methods", "rded"], "knows ImageNet-1K"),
        (
            ["--teacher", "resnet18", "--labels", "hard", "--methods", "pca"],
            "no run needs --teacher resnet18: leave it out, or add soft labels",
        ),
    ],
)
def test_wrong_grids_are_refused_with_one_clear_line(fresh_home, capsys, given, message):
    assert main(["benchmark", "--epochs", "1", "--ipc", "1", "--seeds", "1", *given]) == 2
    assert message in capsys.readouterr().err


def test_arms_of_one_method_are_lines_of_their_own(fresh_home, capsys, tmp_path):
    out = tmp_path / "runs.csv"
    call = ["benchmark", "--size", "16", "--labels", "hard", "--ipc", "1", "--seeds", "1"]
    call += ["--epochs", "1", "--out", str(out), "--methods"]
    assert main([*call, "pca", "pca grid=3 order=random", "pca view=whole", "pca grid=2"]) == 0
    told = capsys.readouterr().out
    assert "4 arms x ipc 1 x hard" in told
    head = "digits, 16 px, 1 per class, 1 epochs, ConvNet-3 (width 32); 450 test images; n = 1 seed"
    assert f"\n{head}\n" in told
    assert "no figure of soft against hard labels and no ranking (hlr, ior, lrs): they" in told
    rows = pd.read_csv(out).set_index("arm")
    assert list(rows.index) == ["random", "pca", "pca grid=3x3 order=random", "pca view=whole"]
    assert rows["grid"].to_list() == ["1x1", "2x2", "3x3", "2x2"]
    assert rows["view"].to_list() == ["whole", "cell", "cell", "whole"]


def test_a_grid_that_the_pool_cannot_fill_is_refused_before_anything_is_trained(capsys):
    call = ["benchmark", "--labels", "hard", "--ipc", "10", "--methods"]
    assert main([*call, "pca grid=20"]) == 2
    assert "4000" in capsys.readouterr().err
    assert main([*call, "pca grid=99"]) == 2
    assert "a 99x99 grid does not fit into images of 32 pixels" in capsys.readouterr().err


def test_seeds_that_two_machines_made_are_joined_and_nothing_is_made_again(
    tmp_path, monkeypatch, capsys
):
    """Each has a home of its own, and one precision; their runs are copied into one."""
    monkeypatch.setenv("RDC_PRECISION", "fp32")
    call = ["benchmark", "--size", "16", "--labels", "hard", "--ipc", "1", "--epochs", "1"]
    call += ["--methods", "el2n", "--workers", "1", "--seeds"]
    tables = []
    for home, seeds in (("a", "0-1"), ("b", "2-2")):
        monkeypatch.setenv("RDC_HOME", str(tmp_path / home))
        out = tmp_path / f"{home}.csv"
        assert main([*call, seeds, "--out", str(out)]) == 0
        tables.append(pd.read_csv(out))
    assert [table["seed"].tolist() for table in tables] == [[0, 0, 1, 1], [2, 2]]
    runs = [tmp_path / home / "data" / "runs" for home in "ba"]
    shutil.copytree(*runs, dirs_exist_ok=True)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "a"))
    capsys.readouterr()
    assert main([*call, "3", "--plan"]) == 0
    told = capsys.readouterr().out
    assert "2 methods x ipc 1 x hard x 3 seeds" in told
    assert "6 runs, 6 already done" in told


def test_options_that_lack_their_quotes_are_told(capsys):
    assert main(["benchmark", "--methods", "el2n", "order=hard"]) == 2
    assert "'order=hard' is no method: write 'METHOD order=hard', in quotes" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arm", "ipc", "message"),
    [
        ("rded factor=2", "40", "160"),
        ("pca originals_per_class=400", "1", "400"),
        ("pca originals_per_class=40", "40", None),
    ],
)
def test_the_originals_of_an_arm_are_counted_as_it_takes_them(
    fresh_home, capsys, arm, ipc, message
):
    call = ["benchmark", "--labels", "hard", "--seeds", "1", "--epochs", "1", "--ipc", ipc]
    assert main([*call, "--plan", "--methods", arm]) == (2 if message else 0)
    assert message is None or message in capsys.readouterr().err


def test_a_grid_with_another_teacher_has_a_table_of_its_own():
    names = []
    for epochs in (1, 2, 1):
        setup = small_setup(teacher_epochs=epochs)
        trials = plan_trials(setup, [Arm("random")], 1, [rdc.protocols.soft(epochs=1)], 1)
        names.append(benchmark._name("digits", Experiment(setup, trials)))
    assert names[0] == names[2] != names[1]


def test_no_teacher_is_trained_for_runs_that_are_there(fresh_home, capsys):
    """One was, after data/runs/teachers had been deleted."""
    trials = plan_trials(small_setup(), [Arm("random")], 1, [rdc.protocols.soft(epochs=1)], 1)
    tables = []
    for announced in (True, False):
        experiment = Experiment(small_setup(), trials)
        tables.append(benchmark._measured(experiment, experiment.plan(), 1))
        assert ("teacher convnet2-w8-bn: " in capsys.readouterr().out) is announced
        assert (fresh_home / "data/runs/teachers").exists() is announced
        shutil.rmtree(fresh_home / "data/runs/teachers", ignore_errors=True)
    pd.testing.assert_frame_equal(*tables)


def test_a_log_says_how_long_the_other_runs_take(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(benchmark.time, "monotonic", lambda: now[0])
    log = benchmark._Log(156)
    log(100, 0.5)  # within the first minute
    now[0] = 61
    log(101, 3300.0)
    assert capsys.readouterr().out == "101 of 156 runs, about 55 min left\n"


def test_the_teacher_that_is_announced_is_that_of_the_first_seed(fresh_home, monkeypatch):
    """It trained and named the teacher of seed 0, which no run used."""
    asked = []

    def teacher_of(setup, count=1, seed=0):
        asked.append(seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark.Setup, "teacher_of", teacher_of)
    how = {"seeds": [5, 6], "size": 16, "workers": 1}
    with pytest.raises(KeyboardInterrupt):
        benchmark.benchmark("digits", ["random"], [1], [rdc.protocols.soft(epochs=1)], **how)
    assert asked == [5]
