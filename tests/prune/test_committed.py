"""Scoring runs that came with the kit: taken where they are the same, whole ones only."""

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.progress import say_once
from rdc_kit.prune import committed, scores
from rdc_kit.prune.finished import finished_runs
from rdc_kit.prune.scorefiles import write_scores

from ..conftest import colour_blocks
from .test_scorefiles import run_of, turned


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of committed score files."""
    monkeypatch.setattr(committed, "evidence_dir", lambda: tmp_path / "evidence")
    say_once.cache_clear()
    return tmp_path / "evidence" / "scores"


def test_a_committed_run_is_not_trained_again(exact, tmp_path, monkeypatch, shelf, capsys):
    """Made in one home, put on the shelf, and taken in another where nothing can be trained."""
    pool = colour_blocks(seed=11)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "one"))
    full = scores.dynamics(pool, 3, 2, seed=4, runtime=exact)
    mean = rdc.el2n(pool, 2, seeds=2, runtime=exact)
    runs = finished_runs(pool)
    assert [list(run.values) for run in runs][:2] == [["el2n"], ["el2n"]]
    write_scores(shelf / "blocks.parquet", pool, runs)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "two"))
    monkeypatch.setattr(scores, "fit", None)
    again = scores.dynamics(pool, 3, 2, seed=4, runtime=exact)
    assert list(again) == list(full)
    assert all(torch.equal(again[name].values, one.values) for name, one in full.items())
    assert torch.equal(again["forgetting"].never_learned, full["forgetting"].never_learned)
    found = rdc.el2n(pool, 2, seeds=2, runtime=exact)
    assert torch.equal(found.values, mean.values)
    on_gpu = runs[0].config | {"device": "cuda"}
    assert committed.committed(on_gpu, ["el2n"]) is not None  # it travels to other machines
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == [
        f"el2n of seed {k}: from data/evidence/scores/blocks.parquet, not trained again"
        for k in (0, 1)
    ]
    for call in (
        lambda: rdc.el2n(pool, 2, seeds=[2], runtime=exact),  # another seed
        lambda: rdc.el2n(pool, 3, runtime=exact),  # another length
        lambda: rdc.el2n(pool[list(range(17))], 2, runtime=exact),  # other images
        lambda: rdc.el2n(pool, 2, student="convnet2-w4", runtime=exact),  # another network
        lambda: scores.dynamics(pool, 2, 2, runtime=exact),  # scores that are not in the file
    ):
        with pytest.raises(TypeError, match="NoneType"):
            call()


def test_what_is_no_whole_score_file_is_ignored(shelf, blocks, tmp_path):
    run = run_of(blocks)
    assert committed.committed(run.config, ["el2n"]) is None
    shelf.mkdir(parents=True)
    (shelf / "a.parquet").write_bytes(b"no parquet")
    pd.DataFrame({"x": [1]}).to_parquet(shelf / "b.parquet")
    assert committed.committed(run.config, ["el2n"]) is None
    write_scores(shelf / "c.parquet", blocks, [run])
    assert torch.equal(committed.committed(run.config, ["el2n"]).values["el2n"], run.values["el2n"])
    assert committed.committed(run.config, ["forgetting"]) is None
    (shelf / "c.parquet").write_bytes(turned(shelf / "c.parquet"))
    assert committed.committed(run.config, ["el2n"]) is None
