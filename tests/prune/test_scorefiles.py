"""Score files: what is read is what was written, for the images that it was written for."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import store
from rdc_kit.prune import scorefiles
from rdc_kit.prune.scorefiles import Run, read_score_file, write_scores

from ..conftest import picture


def run_of(pool, seed=0, epochs=30, window=10, student="convnet2-w8", names=("el2n", "aum")):
    """A scoring run that nobody trained."""
    draw = torch.Generator().manual_seed(seed)
    values = {name: torch.rand(len(pool), generator=draw) for name in names}
    config = {"what": "dynamics", "pool": pool.fingerprint(), "protocol": {"epochs": epochs}}
    config |= {"student": student, "el2n_epochs": window, "seed": seed, "metrics": sorted(names)}
    return Run(config, values, {"seconds": 1.5})


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_is_read_is_what_was_written(suffix, blocks, tmp_path):
    runs = [run_of(blocks, seed) for seed in (0, 1)]
    path = tmp_path / f"scores.{suffix}"
    columns = write_scores(path, blocks, runs)
    assert columns == ["el2n_seed0", "aum_seed0", "el2n_seed1", "aum_seed1"]
    mean = torch.stack([run.values["el2n"] for run in runs]).mean(0)
    found = rdc.read_scores(path, blocks)
    assert (found.name, found.values.tolist()) == ("el2n", mean.tolist())
    one = rdc.read_scores(path, blocks, "aum", seeds=[1])
    assert torch.equal(one.values, runs[1].values["aum"])
    assert torch.equal(rdc.read_scores(path, blocks, "aum_seed1").values, one.values)
    assert "aum_seed1" in one.source
    assert (runs[1].hash in one.source) == (suffix == "parquet")
    order = torch.randperm(18, generator=torch.Generator().manual_seed(0))
    turned = blocks[order]
    assert torch.equal(rdc.read_scores(path, turned).values, mean[order])
    assert rdc.select(turned, rdc.read_scores(path, turned), 2).row_ids.tolist() == (
        rdc.select(blocks, found, 2).row_ids.tolist()
    )


def test_a_file_says_whose_scores_these_are_and_how_they_were_made(blocks, tmp_path):
    run = run_of(blocks)
    write_scores(tmp_path / "s.parquet", blocks, [run])
    table = pd.read_parquet(tmp_path / "s.parquet")
    assert list(table) == [
        "row_id", "file_name", "content", "label", "class", "el2n_seed0", "aum_seed0"
    ]  # fmt: skip
    assert table["el2n_seed0"].dtype == np.float32
    facts = json.loads(pq.read_schema(tmp_path / "s.parquet").metadata[b"rdc_kit"])
    assert (facts["dataset"], facts["size"]) == ("blocks", 16)
    assert facts["runs"][0]["config"] == run.config
    assert facts["runs"][0]["config_hash"] == store.config_hash(run.config)
    assert facts["written_with"]["torch"] == torch.__version__.split("+")[0]
    (again,) = read_score_file(tmp_path / "s.parquet").runs
    assert again.facts == run.facts
    assert all(torch.equal(again.values[name], run.values[name]) for name in run.values)


def test_equal_el2n_of_a_short_and_a_long_run_is_one_column(blocks, tmp_path):
    """EL2N is of the first ten epochs, so both runs have the same; other lengths are told apart."""
    long, short = run_of(blocks), run_of(blocks, epochs=10, names=("el2n",))
    other = run_of(blocks, epochs=60)
    small = run_of(blocks, seed=1, student="convnet2-w4")
    columns = write_scores(tmp_path / "s.parquet", blocks, [long, short, other, small])
    assert columns == [
        *("el2n_seed0", "aum_seed0", "aum_convnet2-w8_60epochs_seed0"),
        *("el2n_convnet2-w4_30epochs_seed1", "aum_convnet2-w4_30epochs_seed1"),
    ]
    found = read_score_file(tmp_path / "s.parquet").runs
    assert [run.hash for run in found] == [run.hash for run in (long, short, other, small)]
    for run, same in zip(found, (long, short, other, small), strict=True):
        assert all(torch.equal(run.values[name], same.values[name]) for name in same.values)


def test_never_learned_comes_with_forgetting(blocks, tmp_path):
    run = run_of(blocks, names=("forgetting",))
    run.values["never_learned"] = torch.arange(18) % 5 == 0
    for suffix in ("parquet", "csv"):
        write_scores(tmp_path / f"s.{suffix}", blocks, [run])
        turned = blocks[list(range(17, -1, -1))]
        found = rdc.read_scores(tmp_path / f"s.{suffix}", turned, "forgetting")
        assert torch.equal(found.never_learned, run.values["never_learned"].flip(0))


def test_a_csv_of_ones_own(tmp_path):
    for label, (name, count) in enumerate([("10", 3), ("2", 4), ("cat", 5)]):
        for k in range(count):
            picture(tmp_path / "mine" / name / f"{k}.png", 10 * label + k)
    pool = rdc.load(f"folder:{tmp_path / 'mine'}", size=16).train
    lines = [f"cat/{k}.png,{k / 10}" for k in range(5)] + ["2/0.png,7", "2/1.png,6", "2/2.png,5"]
    lines += ["2/3.png,1e-3", "10/0.png,-1", "10/1.png,0", "10/2.png,1"]
    path = tmp_path / "mine.csv"
    path.write_text("file_name,doubt,said\n" + "\n".join(f"{line},by me" for line in lines))
    found = rdc.read_scores(path, pool)
    assert found.name == "doubt"
    assert found.values.tolist() == pytest.approx([-1, 0, 1, 7, 6, 5, 1e-3, 0, 0.1, 0.2, 0.3, 0.4])
    kept = rdc.compress("el2n", pool, 1, scores=found)
    assert kept.row_ids.tolist() == [0, 6, 7]
    assert kept.provenance["scores"] == "mine.csv doubt (not said how made)"


def test_a_file_is_found_in_the_home_folder_and_its_ending_may_be_in_capitals(
    blocks, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_scores(tmp_path / "s.csv", blocks, [run_of(blocks)])
    known = rdc.read_scores("~/s.csv", blocks, "el2n").values
    (tmp_path / "s.csv").rename(tmp_path / "S.CSV")
    assert torch.equal(rdc.read_scores("~/S.CSV", blocks, "el2n").values, known)


WRONG = {
    "no numbers": ("file_name,said\na.png,x\n", {}, "has no column of scores"),
    "text": ("content,el2n\nab,high\n", {"metric": "el2n"}, "'el2n' of s.csv holds something else"),
    "several": ("content,a,b\nab,1,2\n", {}, "several scores, say which by metric=: a, b"),
    "another": ("content,aum\nab,1\n", {"metric": "aumm"}, "did you mean 'aum'"),
    "no number": (
        "content,el2n,mine_seed0,said\nab,1,,x\n",
        {"metric": "mine"},
        "unknown score in s.csv 'mine'.*Known: el2n; columns without a number: mine_seed0, said$",
    ),
    "a seed": ("content,aum_seed0\nab,1\n", {"metric": "aum", "seeds": [3]}, "no aum_seed3"),
    "others": ("content,aum_seed0\nab,1\n", {}, "scores for 0 of the 18 images"),
    "empty": ("", {}, "cannot be read as a score file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused(name, blocks, tmp_path):
    text, options, said = WRONG[name]
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        rdc.read_scores(path, blocks, **options)
    assert len(str(error.value).splitlines()) == 1


def test_a_damaged_file_is_refused(blocks, tmp_path):
    path = tmp_path / "s.parquet"
    write_scores(path, blocks, [run_of(blocks)])
    whole = path.read_bytes()
    for broken in (whole[:200], b"no parquet", turned(path)):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="cannot be read as a score file"):
            rdc.read_scores(path, blocks)
    with pytest.raises(DataError, match="is no score file"):
        rdc.read_scores(tmp_path / "none.parquet", blocks)
    with pytest.raises(ValueError, match=r"must end in .parquet or .csv"):
        scorefiles.check_name(tmp_path / "s.txt")


def turned(path):
    """The file with another bit in a page of EL2N: only the page's checksum tells."""
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(k) for k in range(group.num_columns)]
    (column,) = [c for c in columns if c.path_in_schema == "el2n_seed0"]
    place = column.data_page_offset + column.total_compressed_size - 4
    whole = path.read_bytes()
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


def test_a_missing_score_is_found_when_it_is_used(blocks, tmp_path):
    path = tmp_path / "s.csv"
    write_scores(path, blocks, [run_of(blocks, names=("el2n",))])
    table = pd.read_csv(path, dtype=str)
    table.loc[4, "el2n_seed0"] = ""
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match="el2n score of row 4 is nan"):
        rdc.select(blocks, rdc.read_scores(path, blocks), 2)
