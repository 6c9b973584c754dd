"""Image folders: their classes, splits and names."""

import errno
import os

import pytest

import rdc_kit as rdc
from rdc_kit.data.origins import names_of

from ..conftest import closed, picture
from .conftest import refuses


def test_a_folder_has_torchvisions_classes_and_maps_val_by_name(folder):
    from torchvision.datasets import ImageFolder

    pool, test = rdc.load(f"folder:{folder}", size=24)
    theirs = ImageFolder(str(folder / "train"))
    assert list(pool.classes) == theirs.classes == ["10", "2", "cat"]
    assert pool.labels.tolist() == theirs.targets
    assert pool.images.shape == (12, 3, 24, 24)
    assert test.classes == pool.classes
    assert test.labels.tolist() == [1, 2]  # "2" and "cat", though they are folders 0 and 1 of val


def test_a_folder_of_a_telephones_photographs_says_to_convert_them(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "1.HEIC").write_bytes(b"no image")
    refuses(f"folder:{tmp_path}", "no images", "convert its .HEIC files to JPEG")


def test_folders_of_splits_may_have_capitals(folder):
    (folder / "train").rename(folder / "Train")
    (folder / "val").rename(folder / "Testing")
    pool, test = rdc.load(f"folder:{folder}", size=16)
    assert (len(pool), len(test)) == (12, 2)


def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_trained(folder):
    """It was loaded and scored, and then no table of scores could be written."""
    image = next((folder / "train").rglob("*.*"))
    os.rename(image, os.fsencode(image.parent) + b"/caf\xe9.png")
    with pytest.raises(rdc.DataError, match=r"file name 'train/.*caf.* is not UTF-8: rename"):
        rdc.load(f"folder:{folder}", 16)


@pytest.mark.parametrize("place", ["cat/a\rb.png", "d\rog/a.png"])
def test_a_name_with_a_carriage_return_is_refused(folder, place):
    """It was written to a csv of scores, and read from there under another name."""
    picture(folder / "train" / place, 5)
    refuses(f"folder:{folder}", f"file name {'train/' + place!r}", "has a carriage return", size=16)


def test_two_spellings_of_one_class_are_told_apart(folder):
    """Both look like Köln: a Mac writes the dots of the o as a letter of their own."""
    picture(folder / "train" / "K\u00f6ln" / "a.png", 6)
    picture(folder / "val" / "Ko\u0308ln" / "a.png", 7)
    refuses(f"folder:{folder}", "give both one spelling", "Unicode")


def test_a_test_class_that_training_lacks(folder):
    picture(folder / "val" / "dog" / "a.png", 5)
    refuses(f"folder:{folder}", "dog", "train")


def test_a_class_may_be_called_dev_or_eval_and_a_split_beside_train_too(tmp_path):
    """A flat folder with a class "dev" was told to name its training folder train."""
    for k, name in enumerate(["cat", "dev", "Eval"]):
        picture(tmp_path / "flat" / name / "a.png", k)
        picture(tmp_path / "split" / ("train" if name == "cat" else name) / "a" / "a.png", k)
    pool, test = rdc.load(f"folder:{tmp_path / 'flat'}", 16)
    assert (pool.classes, test) == (("Eval", "cat", "dev"), None)
    test = rdc.load(f"folder:{tmp_path / 'split'}", 16).test
    assert names_of(test) == ["dev/a/a.png"]
    (tmp_path / "flat" / "val").mkdir()
    refuses(f"folder:{tmp_path / 'flat'}", "has val/ but no train/", "name the training folder")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_images_in_a_folder_that_cannot_be_listed_are_not_left_out(
    folder, monkeypatch, number, kind
):
    """Half of a class was missing without a word, or had "no image: remove the class"."""
    picture(folder / "train" / "cat" / "more" / "a.png", 5)
    assert len(rdc.load(f"folder:{folder}", 16).train) == 13
    for name in ("train/cat/more", "train/cat"):
        with monkeypatch.context() as patch:
            closed(folder / name, patch, number)
            said = f"{folder / name} cannot be read ({os.strerror(number)}): allow reading it"
            refuses(f"{kind}:{folder}", said)


def test_a_hidden_folder_that_cannot_be_listed_is_not_needed(folder, monkeypatch):
    """A Mac closes those that it leaves on other disks."""
    picture(folder / "train" / ".Trashes" / "a.png", 5)
    closed(folder / "train" / ".Trashes", monkeypatch)
    assert len(rdc.load(f"folder:{folder}", 16).train) == 12
