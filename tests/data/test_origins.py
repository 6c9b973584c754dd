"""Origins: file names, contents and scores follow the originals wherever they go."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data import origins
from rdc_kit.prune.recorders import Scores

from ..conftest import colour_blocks


def test_content_is_of_the_pixels_alone():
    pool = colour_blocks(per_class=2)
    names = origins.content_hashes(pool.images)
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in names)
    assert len(set(names)) == len(pool)
    assert origins.content_hashes(pool.images.flip(0)).tolist() == names[::-1].tolist()
    one = pool.images[:1].clone()
    one[0, 2, 15, 15] ^= 1
    assert origins.content_hashes(one)[0] != names[0]


def test_rows_find_their_columns_and_unknown_rows_are_empty():
    known = origins.Origins(
        np.array([3, 7]),
        {"file_name": np.array(["a", "b"], dtype=object), "el2n": np.float32([0.5, 1.0])},
    )
    found = known.of(np.array([[7, 3], [5, -1]]))
    assert found["file_name"].tolist() == [["b", "a"], ["", ""]]
    assert found["el2n"][0].tolist() == [1.0, 0.5]
    assert np.isnan(found["el2n"][1]).all()


def test_a_composite_lists_the_original_of_every_cell(blocks):
    scores = Scores("el2n", torch.rand(len(blocks)), blocks.row_ids)
    stored = rdc.combine(rdc.select(blocks, scores, 4), 2)
    listed = origins.index_list(stored)
    assert listed["image"].tolist() == [k for k in range(3) for _ in range(4)]
    assert listed["cell"].tolist() == [0, 1, 2, 3] * 3
    assert listed["row_id"].tolist() == stored.members.flatten().tolist()
    assert listed["class"].tolist() == [blocks.classes[k // 4] for k in range(12)]
    rows = listed["row_id"].to_numpy(copy=True)
    assert listed["el2n"].tolist() == scores.values[rows].tolist()
    assert listed["content"].tolist() == origins.content_hashes(blocks.images[rows]).tolist()


def test_chosen_composites_still_know_their_own_cells(blocks):
    """Their rows are numbers of composites, never to be looked up among the originals."""
    stored = rdc.combine(rdc.select(blocks, None, 6, "random"), (1, 2))
    scores = Scores("el2n", torch.rand(len(stored)), stored.row_ids)
    some = rdc.select(stored, scores, 2)
    whole = origins.index_list(stored).set_index(["row_id"])
    listed = origins.index_list(some)
    assert listed["row_id"].tolist() == some.members.flatten().tolist()
    assert listed["content"].tolist() == whole.loc[listed["row_id"], "content"].tolist()
    assert "el2n" not in listed
    assert set(origins.file_names(some)) == {""}


def test_rded_remembers_what_it_cropped(teacher, exact):
    pool = colour_blocks(per_class=8)
    made = rdc.compress("rded", pool, 1, runtime=exact, teacher=teacher, factor=2, drawn=6)
    listed = origins.index_list(made)
    assert listed["row_id"].tolist() == made.members.flatten().tolist()
    contents = origins.content_hashes(pool.images)
    assert listed["content"].tolist() == contents[listed["row_id"]].tolist()


def test_a_set_made_of_noise_lists_nothing(blocks, tmp_path):
    noise = rdc.compress("noise", blocks, 1)
    assert not len(origins.index_list(noise))
    assert not (noise.save(tmp_path / "set") / "originals.csv").exists()


@pytest.mark.parametrize("method", ["random", "pca"])
def test_five_lines_of_plain_python_rebuild_the_subset(method, folder, tmp_path, monkeypatch):
    """Only `originals.csv` and the folder that the images came from are used."""
    for name in ("10", "2"):
        for k in range(5, 8):
            shutil.copy(folder / "train/cat/0.png", folder / f"train/{name}/{k}.png")
    pool = rdc.load(f"folder:{folder}", size=16).train
    options = {"order": "random"} if method == "pca" else {}
    made = rdc.compress(method, pool, 1, **options)
    made.save(tmp_path / "set")
    monkeypatch.chdir(tmp_path)

    for row in csv.DictReader(Path("set/originals.csv").read_text().splitlines()):
        target = Path("subset") / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / row["file_name"], target)

    again = rdc.load(f"folder:{tmp_path / 'subset'}", size=16).train
    kept = made.row_ids if made.members is None else made.members.flatten()
    assert torch.equal(again.images, pool.images[kept.sort().values])
    assert again.classes == pool.classes


def test_a_set_that_is_read_back_and_saved_again_lists_the_same(folder, tmp_path):
    pool = rdc.load(f"folder:{folder}", size=16).train
    scores = Scores("el2n", torch.rand(len(pool)), pool.row_ids)
    rdc.select(pool, scores, 2).save(tmp_path / "set")
    again = rdc.load(f"parquet:{tmp_path / 'set'}").train
    again.save(tmp_path / "again")
    first, second = ((tmp_path / n / "originals.csv").read_text() for n in ("set", "again"))
    assert first == second
    assert "train/cat/" in first


def test_copies_point_to_the_first_of_them():
    images = colour_blocks(per_class=2)[[0, 1, 0, 2, 1, 0]].images
    assert origins.first_copies(images).tolist() == [0, 1, 0, 3, 1, 0]
    images[5, 0, 0, 0] += 1
    assert origins.first_copies(images).tolist() == [0, 1, 0, 3, 1, 5]
