"""Where images come from: the digits, names, places."""

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.origins import names_of
from rdc_kit.data.sources import at_hand, check_classes
from rdc_kit.ground.folders import local_copies

from .conftest import refuses


def test_digits_are_scikit_learns(digits):
    from sklearn.datasets import load_digits

    pool, test = digits
    assert (len(pool), len(test), pool.size, pool.num_classes) == (1347, 450, 32, 10)
    assert pool.images.dtype == torch.uint8
    shares = pool.counts() / len(pool)
    assert (shares - torch.bincount(test.labels) / len(test)).abs().max() < 0.01
    small = rdc.load("digits", size=8).train
    originals = np.rint(load_digits().images * 255 / 16)
    theirs = {
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(originals, load_digits().target, strict=True)
    }
    assert {
        (image[0].numpy().tobytes(), int(label))
        for image, label in zip(small.images, small.labels, strict=True)
    } < theirs


def test_digits_traits_are_measured(digits):
    pixels = digits.train.images.float() / 255
    assert abs(pixels.mean() - digits.train.traits.mean[0]) < 2e-3
    assert abs(pixels.std() - digits.train.traits.std[0]) < 2e-3
    assert digits.train.traits.flip is False


def test_images_are_named_by_their_files_or_rows(folder, digits):
    pool, test = rdc.load(f"folder:{folder}", size=16)
    assert names_of(pool[[11, 0]]) == ["train/cat/4.png", "train/10/0.png"]
    assert names_of(test) == ["val/2/a.png", "val/cat/a.png"]
    assert names_of(digits.train[:1])[0].startswith("digits row ")


def test_unknown_dataset():
    refuses("imagenete", "unknown dataset 'imagenete'", "did you mean 'imagenette'?", "digits")
    refuses("folders:/x", "unknown dataset", "folder:PATH")


def test_a_path_alone_is_told_its_kind(folder):
    refuses(str(folder), f"give folder:{folder}")
    refuses(folder, f"give folder:{folder}")
    (folder / "table").write_bytes(b"")
    refuses(str(folder / "table"), "give parquet:")
    refuses(str(folder / "train/10/0.png"), "0.png' is a single image: give folder:PATH of")


@pytest.mark.parametrize("kind", ["", "folder:", "parquet:"])
def test_paths_that_cannot_be_are_refused_in_one_sentence(kind):
    refuses(f"{kind}~nosuchuser/x", "'~nosuchuser/x'", "not known here: write the whole path")
    refuses(kind + 300 * "x", "does not exist: give" if kind else "unknown dataset")
    with pytest.raises(rdc.DataError, match="not known here"):
        check_classes(f"{kind}~nosuchuser/x")


def test_a_misspelt_folder_of_copies_is_named_before_a_download(tmp_path, monkeypatch):
    monkeypatch.setenv("RDC_DATA", str(tmp_path / "copeis"))
    refuses("cifar10", "RDC_DATA names", "copeis, which is no folder")
    monkeypatch.setenv("RDC_DATA", str(tmp_path / (300 * "x")))
    refuses("cifar10", "RDC_DATA names", "xxx, which is no folder")
    assert at_hand() == ["digits"]


def test_missing_places(tmp_path):
    refuses(f"folder:{tmp_path / 'no'}", "does not exist", "folder:PATH")
    refuses(f"parquet:{tmp_path / 'no'}", "does not exist", "parquet:PATH")
    refuses(f"folder:{tmp_path}", "no class folders", "CLASS/image.jpg")
    (tmp_path / "a").mkdir()
    refuses(f"folder:{tmp_path}", "no images")


def test_a_file_is_no_folder(folder):
    refuses(f"folder:{folder / 'train/10/0.png'}", "is a file: give parquet:PATH")


def _has_imagenette():
    copies = local_copies()
    return copies is not None and (copies / "imagenette").is_dir()


@pytest.mark.real
@pytest.mark.skipif(not _has_imagenette(), reason="RDC_DATA holds no imagenette")
def test_imagenette_loads_offline():
    pool, test = rdc.load("imagenette", size=32)
    assert (len(pool), len(test)) == (9469, 3925)
    assert pool.classes[0] == "tench"
    assert pool.classes[-1] == "parachute"
    assert pool.counts().min() > 850
    assert pool.provenance["label_column"] == "label"
    mean = pool.images.float().mean((0, 2, 3)) / 255
    assert ((mean - rdc.Traits().mean[0]).abs() < 0.06).all()
