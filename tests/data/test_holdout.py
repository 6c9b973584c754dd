"""A held-out test set: the same share of every class, no copy on both sides, and clear words."""

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.checks import check_enough
from rdc_kit.data.holdout import hold_out, load_pool, load_with_test
from rdc_kit.data.origins import content_hashes, names_of

from ..conftest import colour_blocks, picture


def flat(root, counts):
    for label, count in enumerate(counts):
        for k in range(count):
            picture(root / "abc"[label] / f"{k}.png", 100 * label + k)
    return root


def test_a_fifth_of_each_class_is_held_out_and_nothing_is_lost():
    pool = colour_blocks(per_class=20)
    train, test = hold_out(pool, seed=3)
    assert test.counts().tolist() == [4, 4, 4]
    rows = torch.cat([train.row_ids, test.row_ids]).sort().values
    assert torch.equal(rows, pool.row_ids)
    assert torch.equal(pool.images[test.row_ids], test.images)
    assert not torch.equal(hold_out(pool, seed=4)[1].row_ids, test.row_ids)
    assert torch.equal(hold_out(pool, seed=3)[1].row_ids, test.row_ids)


def test_no_copy_of_a_training_image_is_tested_on():
    pool = colour_blocks(per_class=20)
    rows = [*range(60), *range(0, 60, 2), *range(0, 60, 4)]
    train, test = hold_out(pool[rows])
    assert len(test) > 0
    assert not set(content_hashes(train.images)) & set(content_hashes(test.images))
    assert len(train) + len(test) == len(rows)
    with pytest.raises(rdc.DataError, match="class '0' has only copies"):
        hold_out(pool[[0] * 5 + [k for k in range(60) if k % 3]])


def test_a_folder_without_a_test_split_gets_one_and_is_told(tmp_path, capsys):
    name = f"folder:{flat(tmp_path, [10, 5])}"
    pool, test = load_with_test(name, 16)
    assert (pool.counts().tolist(), test.counts().tolist()) == ([8, 4], [2, 1])
    assert "no test split" in (said := capsys.readouterr().out)
    assert "3 of its images" in said
    assert said.count("shots of one series, animal or place") == 1
    assert said.endswith("put whole series into val/\n")
    assert names_of(test)[-1].startswith("b/")
    assert rdc.load(name, 16).test is None  # only who asks for it gets it
    load_with_test("digits")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_which_of_two_test_splits_is_read_is_told(tmp_path, capsys, fresh_home, kind):
    """Accuracies were of val/, and of test/ only `rdc doctor data` spoke."""
    for split in ("train", "val", "test"):
        for k, name in enumerate("ab"):
            picture(tmp_path / "x" / split / name / "1.png", seed=len(split) + 10 * k)
    source = f"{kind}:{tmp_path / 'x'}"
    load_with_test(source, 16)
    beside, called = "folder test, beside val", "val"
    if kind == "parquet":  # `datasets` gives them names of its own
        beside, called = "split test (2 images)", "validation"
    told = f"test: its images are those of {called}; not read: {beside}\n"
    assert capsys.readouterr().out == told
    load_pool(source, 16)
    assert capsys.readouterr().out == ""


def test_what_lies_beside_the_pools_images_is_told_in_a_line(tmp_path, capsys, fresh_home):
    flat(tmp_path / "x", [5, 5])
    for name in ("notes.txt", "scan.dcm"):
        (tmp_path / "x" / "a" / name).write_text("no image")
    for reads in (load_pool, load_with_test):
        reads(f"folder:{tmp_path / 'x'}", 16)
        assert "train: not read: a/notes.txt and 1 more\n" in capsys.readouterr().out


def test_photographs_that_are_not_read_are_counted_before_other_files(tmp_path, capsys, fresh_home):
    """Four lost files stood behind `Thumbs.db and 4 more`, three of them photographs."""
    flat(tmp_path / "x" / "train", [5, 5])
    for name in ("Thumbs.db", "notes.txt", "z.CR2", "y.HEIC"):
        (tmp_path / "x" / "train" / "a" / name).write_bytes(b"no image")
    picture(tmp_path / "x" / "train" / "loose.jpg", 7)
    picture(tmp_path / "x" / "train" / "b" / ".old.png", 8)
    picture(tmp_path / "x" / "more" / "1.png", 9)
    load_pool(f"folder:{tmp_path / 'x'}", 16)
    told = "1 .CR2, 1 .HEIC (convert to JPEG), 1 .png (hidden), 1 .jpg (in no class), 2 other files"
    said = capsys.readouterr().out
    assert said == f"train: not read: folder more, beside train, {told}\n"


def test_folders_of_folders_are_told(tmp_path, capsys, fresh_home):
    """train/animals/cat and train/animals/dog were one class, and nobody said so."""
    for k, name in enumerate(("animals/cat", "animals/dog", "vehicles/bus", "vehicles/car")):
        picture(tmp_path / "x" / "train" / name / "1.png", seed=k)
    load_pool(f"folder:{tmp_path / 'x'}", 16)
    told = "train: cat, dog below animals are taken as one class, and so 1 more\n"
    assert capsys.readouterr().out == told


def test_a_class_without_test_images_is_told(tmp_path, capsys, fresh_home):
    """Its accuracy was silently no number."""
    for k, path in enumerate(("train/cat", "train/dog", "train/eel", "val/cat")):
        picture(tmp_path / path / "1.png", seed=k)
    _, test = load_with_test(f"folder:{tmp_path}", 16)
    assert test.counts().tolist() == [1, 0, 0]
    assert "test: no image of class 'dog' and 1 more, so no accuracy" in capsys.readouterr().out
    picture(tmp_path / "val" / "dog" / "1.png", seed=8)
    picture(tmp_path / "val" / "eel" / "1.png", seed=9)
    load_with_test(f"folder:{tmp_path}", 16)
    assert capsys.readouterr().out == ""


def test_too_few_images_are_refused_by_name(tmp_path):
    name = f"folder:{flat(tmp_path, [10, 2])}"
    with pytest.raises(rdc.DataError, match=r"class 'b' has 2 images.*add images, or a test split"):
        load_with_test(name, 16)
    (tmp_path / "c").mkdir()
    with pytest.raises(rdc.DataError, match=r"class 'c' has no image: .* remove the class"):
        load_with_test(name, 16)


def test_a_class_of_which_some_images_are_held_out_says_so(tmp_path):
    """A folder has 3 images of a class, and the sentence said 2."""
    pool, _ = load_with_test(f"folder:{flat(tmp_path, [10, 5])}", 16)
    with pytest.raises(rdc.DataError, match=r"class 'b' has 4 images besides those held out for t"):
        check_enough(pool, 5)


@pytest.mark.parametrize("share", [float("nan"), 0, 1, 1.5, -0.2])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(rdc.DataError, match="share must be a number between 0 and 1, got"):
        hold_out(colour_blocks(), share)
