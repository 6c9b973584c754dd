"""Saved sets come back as they were, here and in the `datasets` library."""

import io
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.augment.views import normalise
from rdc_kit.data import saving
from rdc_kit.data.imagesets import Traits
from rdc_kit.prune.recorders import Scores

from ..conftest import colour_blocks


def test_saved_sets_come_back_with_the_same_pixels_from_elsewhere(tmp_path, fresh_home):
    pool = colour_blocks(per_class=8)
    stored = rdc.compress("pca", pool, ipc=2, order="random")
    stored.save(tmp_path / "made" / "set")
    script = (
        "import sys, rdc_kit as rdc\n"
        f"s = rdc.load('parquet:{tmp_path / 'made' / 'set'}').train\n"
        "print(s.fingerprint(), s.grid, s.view, s.provenance['method'], s.members.shape)"
    )
    os.makedirs(tmp_path / "elsewhere")
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "elsewhere", capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == [
        stored.fingerprint(), "(2,", "2)", "cell", "pca", "torch.Size([6,", "4])"
    ]  # fmt: skip


def test_a_set_with_numpys_traits_comes_back_the_same_and_can_be_normalised(tmp_path, fresh_home):
    """float32 was saved as a text."""
    mean, std = np.array([0.25, 0.5, 0.125], np.float32), [np.float32(0.5)] * 3
    traits = Traits(size=8, mean=mean, std=std)
    images = torch.full((2, 3, 8, 8), 51, dtype=torch.uint8)
    made = rdc.from_tensors(images, torch.tensor([0, 1]), np.array(["a", "b"]), traits=traits)
    made.save(tmp_path / "set")
    back = rdc.load(f"parquet:{tmp_path / 'set'}").train
    assert back.traits == traits
    assert back.fingerprint() == made.fingerprint()
    seen = normalise(back.images.float(), back.traits)
    assert seen[0, :, 0, 0].tolist() == pytest.approx([-0.1, -0.6, 0.15], abs=1e-6)


def test_saved_sets_are_read_by_the_datasets_library(tmp_path):
    import datasets

    stored = colour_blocks(per_class=2)
    stored.save(tmp_path / "set")
    found = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))["train"]
    assert found.features["label"].names == list(stored.classes)
    assert found["label"][:] == stored.labels.tolist()
    for row, pixels in zip(found, stored.images, strict=True):
        assert np.array_equal(np.asarray(row["image"]), pixels.permute(1, 2, 0).numpy())
    card = (tmp_path / "set" / "README.md").read_text()
    assert "configs:" in card
    assert "source: blocks" in card


def test_one_call_of_pandas_shows_originals_and_scores(tmp_path, folder):
    pool = rdc.load(f"folder:{folder}", size=16).train
    scores = Scores("el2n", torch.arange(12.0).flip(0), pool.row_ids)
    easy = rdc.select(pool, scores, 2)
    table = pd.read_parquet(easy.save(tmp_path / "easy") / "data")
    assert table["row_id"].tolist() == [2, 1, 6, 5, 11, 10]
    assert table["file_name"][:3].tolist() == ["train/10/2.png", "train/10/1.png", "train/2/3.png"]
    assert table["el2n"].tolist() == [9, 10, 5, 6, 0, 1]
    table = pd.read_parquet(rdc.combine(easy, (1, 2)).save(tmp_path / "pairs") / "data")
    assert [row.tolist() for row in table["members"]] == [[2, 1], [6, 5], [11, 10]]
    assert table["member_files"][0].tolist() == ["train/10/2.png", "train/10/1.png"]
    assert table["el2n"].tolist() == [9.5, 5.5, 0.5]


def test_the_bars_of_datasets_do_not_stay_in_a_notebook(monkeypatch):
    datasets = saving.datasets_library()
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    datasets.enable_progress_bars()
    saving.datasets_library()
    assert datasets.utils.are_progress_bars_disabled()


HOSTILE = ("<script>alert(1)</script>", "../x", 'two\nlines "a" $\\frac{1}$ | {0} ---')


def test_classes_and_folders_of_any_name_come_back_and_the_card_holds_no_html(tmp_path, fresh_home):
    pool = replace(colour_blocks(per_class=2), classes=HOSTILE)
    pool = replace(pool, provenance={"source": f"folder:{HOSTILE[0]}\n---\n# no"})
    for name in ("[x]", "a: b", "$HOME", "two\nlines", "<b>", 'it\'s "so"', "- &a !!x"):
        back = rdc.load(f"parquet:{pool.save(tmp_path / name)}").train
        assert back.classes == HOSTILE
        assert torch.equal(back.images, pool.images)
        card = (tmp_path / name / "README.md").read_text()
        assert "<script" not in card
        assert "<b>" not in card.split("---")[2]
        assert "\n# no" not in card
    assert {path.name for path in tmp_path.iterdir()} >= {"[x]", "a: b", "$HOME", "two\nlines"}
    assert not (tmp_path.parent / "x").exists()


def test_save_never_overwrites_by_surprise(tmp_path):
    pool = colour_blocks(per_class=2)
    pool.save(tmp_path / "set")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        pool.save(tmp_path / "set")
    pool[:3].save(tmp_path / "set", overwrite=True)
    assert len(rdc.load(f"parquet:{tmp_path / 'set'}").train) == 3
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="does not replace it"):
        pool.save(tmp_path / "mine", overwrite=True)


def test_a_set_is_saved_in_the_home_folder_and_found_there(tmp_path, monkeypatch, fresh_home):
    """It was saved in a folder called ~, and read from the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert colour_blocks(per_class=2).save("~/set") == tmp_path / "set"
    assert len(rdc.load("parquet:~/set").train) == 6
    assert not (tmp_path / "~").exists()


def test_png_keeps_every_pixel_and_its_bytes_are_counted():
    pool = colour_blocks(per_class=2)
    kept = [saving.png(pixels) for pixels in pool.images.numpy()]
    for data, pixels in zip(kept, pool.images.numpy(), strict=True):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels.transpose(1, 2, 0))
    assert saving.image_bytes(pool) == sum(map(len, kept))


def test_the_official_package_reads_a_set_that_we_saved(tmp_path):
    """rethinkdc 0.3.2: its HFDatasetAdapter gives the same pixels and labels."""
    official = pytest.importorskip(
        "rethinkdc.imagenet_ipc", reason="pip install --no-deps rethinkdc==0.3.2"
    )
    import datasets

    stored = rdc.compress("pca", colour_blocks(per_class=8), 2, order="random")
    stored.save(tmp_path / "set")
    found = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    theirs = official.HFDatasetAdapter(found, transform=np.asarray)
    assert len(theirs) == len(stored)
    for (pixels, label), ours, own in zip(theirs, stored.images, stored.labels, strict=True):
        assert np.array_equal(pixels, ours.permute(1, 2, 0).numpy())
        assert label == int(own)
    assert "wandb" not in sys.modules
