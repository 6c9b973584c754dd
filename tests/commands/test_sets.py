"""The verbs methods, compress, score and select."""

import functools
import json
import shutil

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.data.origins import content_hashes
from rdc_kit.ground import folders
from rdc_kit.prune import scores
from rdc_kit.prune.metrics import METRICS, Metric
from rdc_kit.prune.recorders import MeanScore
from rdc_kit.prune.scorefiles import read_score_file

from ..conftest import picture


def test_methods_lists_the_registry(capsys):
    assert main(["methods"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in rdc.METHODS)
    assert "\n  noise: spectrum\n" in told
    assert "\n  forgetting, el2n, aum: order, skip, epochs, scoring_seed\n" in told
    assert max(map(len, told.splitlines())) <= 100


def test_compress_saves_a_set_that_loads(tmp_path, capsys):
    out = tmp_path / "set"
    call = ["compress", "random", "--ipc", "3", "--size", "16", "--out", str(out)]
    assert main(call) == 0
    assert capsys.readouterr().out.startswith("compress: ImageSet(digits, random: 30 images")
    assert rdc.load(f"parquet:{out}", size=16).train.counts().tolist() == [3] * 10
    assert main(call) == 2
    assert "exists" in capsys.readouterr().err


def test_a_set_says_what_of_its_pool_was_left_out(tmp_path, capsys):
    """`rdc benchmark` said so, `rdc compress --on-bad skip` was silent."""
    for k in range(5):
        picture(tmp_path / "x" / "ab"[k % 2] / f"{k}.png", k)
    (tmp_path / "x" / "a" / "torn.png").write_bytes(b"no image")
    call = ["compress", "random", "--ipc", "2", "--dataset", f"folder:{tmp_path}/x", "--size", "16"]
    assert main([*call, "--on-bad", "skip", "--out", str(tmp_path / "set")]) == 0
    assert "train: 1 images left out, for they are corrupt" in capsys.readouterr().out


def test_options_of_a_method_are_words_after_it(tmp_path):
    call = ["compress", "pca", "grid=3", "order=random", "--ipc", "1", "--size", "24", "--out"]
    assert main([*call, str(tmp_path / "set")]) == 0
    made = rdc.load(f"parquet:{tmp_path / 'set'}", size=24).train
    assert (made.grid, len(made)) == ((3, 3), 10)
    assert made.images.equal(
        rdc.compress("pca", rdc.load("digits", 24).train, 1, grid=3, order="random").images
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["compress", "pca", "view=whole", "--out", "{}"], "view is no option of pca: it says how"),
        (
            ["compress", "pca", "on=sre2l", "--out", "{}"],
            "only chapter 08 makes sets of other sets",
        ),
        (["compress", "pca", "gird=3", "--out", "{}"], "did you mean 'grid'"),
        (["compress", "random", "foo=1", "--out", "{}"], "option of random 'foo'. Known: none\n"),
        (["compress", "noise", "foo=1", "--out", "{}"], "option of noise 'foo'. Known: spectrum\n"),
        (["compress", "pac", "--out", "{}"], "did you mean 'pca'"),
        (["compress", "random", "--dataset", "digit", "--out", "{}"], "did you mean 'digits'"),
        (["compress", "random", "--ipc", "999", "--out", "{}"], "999 are asked of each class"),
        (["score", "--device", "cudda", "--out", "{}.csv"], "unknown device 'cudda'"),
        (["score", "--seed", "0", "0", "--out", "{}.csv"], "different seeds"),
    ],
)
def test_wrong_usage_exits_2_with_one_clear_line(tmp_path, capsys, call, message):
    assert main([part.format(tmp_path / "out") for part in call]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_scores_are_written_and_chosen_by_without_another_training(
    tmp_path, fresh_home, monkeypatch, capsys
):
    call = ["score", "--epochs", "1", "--size", "8", "--seed", "0", "1"]
    for name in ("scores.parquet", "scores.csv"):
        assert main([*call, "--out", str(tmp_path / name)]) == 0
        told = capsys.readouterr().out
        assert "el2n_seed1" in told
        assert "1,347 rows" in told
        assert ("only a .parquet says how they were made" in told) == name.endswith("csv")
    table = pd.read_csv(tmp_path / "scores.csv")
    both = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(table) == list(both)
    assert table["el2n_seed0"].between(0, 2**0.5).all()
    for suffix in ("parquet", "csv"):  # one that is in another order, the csv
        table.sample(frac=1, random_state=0).to_csv(tmp_path / "scores.csv", index=False)
        shutil.rmtree(fresh_home / "data" / "runs")
        monkeypatch.setattr(scores, "fit", None)
        out = tmp_path / suffix
        words = ["--size", "8", "--ipc", "2", "--order", "hard", "--out", str(out)]
        assert main(["select", "--scores", f"{tmp_path}/scores.{suffix}", *words]) == 0
        assert "originals.csv there lists the originals" in capsys.readouterr().out
        (fresh_home / "data" / "runs").mkdir()
    one, other = (rdc.load(f"parquet:{tmp_path / suffix}").train for suffix in ("parquet", "csv"))
    assert one.row_ids.tolist() == other.row_ids.tolist()
    assert one.provenance["order"] == "hard"
    saved = pd.read_parquet(tmp_path / "parquet" / "data")
    mean = both[["el2n_seed0", "el2n_seed1"]].mean(axis=1)
    assert saved["el2n"].tolist() == pytest.approx(mean[saved["row_id"]].tolist())
    for label, rows in saved.groupby("label"):
        own = mean[both["label"] == label].sort_values()
        assert sorted(rows["row_id"]) == sorted(own.index[-2:])


def test_a_selection_is_called_after_its_order_or_else_its_score(tmp_path):
    pool = rdc.load("digits", size=8).train
    names = {"row_id": pool.row_ids, "content": content_hashes(pool.images)}
    rows = pd.DataFrame({**names, "el2n": range(len(pool))})
    rows.to_csv(tmp_path / "scores.csv", index=False)
    called = {"random": ("random", "baseline"), "ccs": ("ccs", "pruning")}
    for order in ("easy", "hard", "random", "ccs"):
        out = tmp_path / order
        words = ["--size", "8", "--ipc", "2", "--order", order, "--out", str(out)]
        assert main(["select", "--scores", f"{tmp_path}/scores.csv", *words]) == 0
        facts = json.loads((out / "rdc.json").read_text())["provenance"]
        found = (facts["method"], facts["family"])
        assert found == called.get(order, ("el2n", "pruning"))
        assert facts["order"] == order


def test_a_random_selection_needs_no_scores(tmp_path):
    words = ["--size", "8", "--ipc", "2", "--order", "random", "--out", str(tmp_path / "set")]
    assert main(["select", *words]) == 0
    made = rdc.load(f"parquet:{tmp_path / 'set'}", size=8).train
    pool = rdc.load("digits", size=8).train
    assert made.row_ids.tolist() == rdc.compress("random", pool, 2).row_ids.tolist()
    assert made.provenance["method"] == "random"


def test_finished_runs_are_collected_once_each(tmp_path, fresh_home, capsys):
    shelf = tmp_path / "shelf"
    call = ["score", "--size", "8", "--collect", str(shelf)]
    assert main(call) == 2
    assert "no scoring run of digits at 8 px is finished here" in capsys.readouterr().err
    pool = rdc.load("digits", size=8).train
    rdc.el2n(pool, 1)
    rdc.el2n(rdc.load("digits", size=9).train, 1)  # of other images
    assert main(call) == 0
    rdc.dynamics(pool, 2, 1, seed=3)
    assert main(call) == 0
    assert main(call) == 0
    added = [line.split(" scoring")[0] for line in capsys.readouterr().out.splitlines()]
    assert added == ["score: 1", "score: 1", "score: 0"]
    file = read_score_file(shelf / "digits-8px.parquet")
    assert [run.config["seed"] for run in file.runs] == [0, 3]
    assert [len(run.values) for run in file.runs] == [1, 5]
    lists = pd.read_parquet(shelf / "digits-8px-selected.parquet")
    assert set(lists["score"]) == {"el2n", "aum", "aum_prob", "forgetting"}
    assert main(["score", "--size", "9", "--collect", str(shelf)]) == 0
    shutil.copy(shelf / "digits-9px.parquet", shelf / "digits-8px.parquet")
    assert main(call) == 2
    assert "scores for 0 of the 1347 images" in capsys.readouterr().err


def _largest_logit(sign, rows, _):
    return MeanScore(lambda logits, labels: sign * logits.float().max(1).values, rows)


def test_a_score_that_is_no_number_is_refused_and_no_file_is_written(
    tmp_path, fresh_home, monkeypatch, capsys
):
    """A column of NaN was written, and the next verb did not know its name."""
    mine = Metric("Mine", 1, functools.partial(_largest_logit, float("nan")))
    monkeypatch.setitem(METRICS, "mine", mine)
    out = tmp_path / "s.csv"
    assert main(["score", "--size", "8", "--epochs", "1", "--out", str(out)]) == 2
    assert "score: mine score of row 0 is nan, as are 1347 of 1,347" in capsys.readouterr().err
    assert not out.exists()


def test_a_score_of_ones_own_is_collected_by_its_formula_of_today(
    tmp_path, fresh_home, monkeypatch
):
    pool, shelf = rdc.load("digits", size=8).train, tmp_path / "shelf"
    for sign in (1, -1):
        recorder = functools.partial(_largest_logit, sign)
        monkeypatch.setitem(METRICS, "mine", Metric("Mine", 1, recorder))
        values = scores.score(pool, "mine", 1).values
    assert main(["score", "--size", "8", "--collect", str(shelf)]) == 0
    runs = read_score_file(shelf / "digits-8px.parquet").runs
    kept = [run.values["mine"] for run in runs if "mine" in run.values]
    assert len(kept) == 1
    assert torch.equal(kept[0], values)


def test_the_committed_score_files_are_whole_and_small():
    for path in (folders.evidence_dir() / "scores").glob("*.parquet"):
        assert path.stat().st_size < 3_300_000
        if path.stem.endswith("-selected"):
            assert {"score", "seed", "row_id", "content"} <= set(pd.read_parquet(path))
            continue
        file = read_score_file(path)
        assert file.runs
        for run in file.runs:
            assert all(values.isfinite().all() for values in run.values.values())
