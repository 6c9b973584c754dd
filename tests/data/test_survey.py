"""The survey: every fault that was put into a folder is found, and a good one is quiet."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.data import sources
from rdc_kit.data.sources import open_source
from rdc_kit.data.survey import spreads, survey

from ..conftest import colour_blocks, picture


def good(root, per_class=3):
    for split, first in (("train", 0), ("val", 100)):
        for k in range(per_class):
            for label, name in enumerate("ab"):
                picture(root / split / name / f"{k}.png", first + 10 * label + k)
    return root


def test_a_good_source_is_described_and_nothing_is_found(tmp_path):
    found = survey(f"folder:{good(tmp_path)}", 16)
    assert found.findings == {}
    assert found.facts == [
        "train: 6 images, 2 classes of 3 to 3, sides of 30 to 40 px",
        "test: 6 images, 2 classes of 3 to 3, sides of 30 to 40 px",
    ]


def test_a_folder_without_a_test_split_is_no_fault(tmp_path, capsys):
    """README allows it, and the doctor counted it as a thing to be looked at."""
    name = f"folder:{good(tmp_path) / 'train'}"
    assert main(["doctor", "data", name, "--size", "16"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "no test split: a fifth of each class will be held out, at random",
        f"doctor: nothing that should be looked at in {name}",
    ]


def test_the_smallest_class_is_named(tmp_path):
    """It is the one for which a number of images per class is too large."""
    root = good(tmp_path)
    (root / "train/b/0.png").unlink()
    fact = survey(f"folder:{root}", 16).facts[0]
    assert fact == "train: 5 images, 2 classes of 2 ('b') to 3, sides of 30 to 40 px"


def test_every_fault_is_found_at_its_place(tmp_path):
    root = good(tmp_path)
    shutil.copy(root / "train/a/0.png", root / "train/a/again.png")
    shutil.copy(root / "train/a/1.png", root / "train/b/torn.png")
    shutil.copy(root / "train/b/2.png", root / "val/b/leak.png")
    Image.fromarray(np.full((20, 20, 3), 99, np.uint8)).save(root / "train/b/flat.png")
    (root / "val/a/broken.png").write_bytes(b"no image")
    found = survey(f"folder:{root}", 16)
    assert set(found.findings) == {
        "train: images that come twice",
        "train: one image under two labels",
        "test images that are in the training split too",
        "train: images of hardly more than one colour",
        "test: images that cannot be decoded",
    }
    assert {found.counts[what] for what in found.findings} == {1}
    (leak,) = found.findings["test images that are in the training split too"]
    assert "val/b/leak.png" in leak
    assert "train/b/2.png" in leak
    assert "broken.png" in found.findings["test: images that cannot be decoded"][0]


def test_a_copied_file_is_a_leak_though_test_images_are_cut_out_closer(tmp_path):
    root = tmp_path / "large"
    for split in ("train", "val"):
        for k, name in enumerate("ab"):
            picture(root / split / name / "0.png", len(split) + k, (200, 160))
    shutil.copy(root / "train/a/0.png", root / "val/a/leak.png")
    what = "test images that are in the training split too"
    found = survey(f"folder:{root}", 64)
    assert found.counts[what] == 1
    copy, original = found.images[what]
    assert copy.images.shape == original.images.shape == (1, 3, 64, 64)
    assert not (copy.images == original.images).all()


def test_the_images_of_a_finding_can_be_shown_beside_their_copies(tmp_path):
    root = good(tmp_path)
    for k in range(7):
        shutil.copy(root / "train/a/0.png", root / f"train/a/z{k}.png")
    found = survey(f"folder:{root}", 16)
    copies, originals = found.images["train: images that come twice"]
    assert len(copies) == len(originals) == 6
    assert (originals.row_ids == 0).all()
    assert (copies.images == originals.images).all()
    assert found.counts["train: images that come twice"] == 7
    places = found.findings["train: images that come twice"]
    assert places == [f"train/a/z{k}.png [a] = train/a/0.png [a]" for k in range(7)]


def test_what_is_not_read_is_told(tmp_path):
    """A class folder with a dot, a file with an odd suffix, a second test split: none was named."""
    root = good(tmp_path)
    picture(root / "train" / ".dots" / "a.png", 40)
    picture(root / "__MACOSX" / "a" / "a.png", 41)
    picture(root / "test" / "a" / "a.png", 42)
    (root / "train" / "a" / "scan.dcm").write_bytes(b"no image")
    (root / "train" / "a" / ".DS_Store").write_bytes(b"of a Mac")
    shutil.copy(root / "train/a/0.png", root / "train/a/z.jfif")
    found = survey(f"folder:{root}", 16)
    told = found.findings["train: not read, by name or place"]
    assert told == ["train/.dots/a.png", "train/a/scan.dcm"]
    assert found.findings["test: not read, by name or place"] == ["folder test, beside val"]
    assert found.counts["train: images that come twice"] == 1  # z.jfif is read
    picture(root / "train" / "__MACOSX" / "a.png", 43)
    assert rdc.load(f"folder:{root}", 16).train.classes == ("a", "b")


def test_photographs_of_other_kinds_are_a_finding_of_their_own(tmp_path):
    """They stood behind notes and Thumbs.db, and nothing said what to do with them."""
    root = good(tmp_path)
    for name in ("a/Thumbs.db", "a/z.CR2", "a/y.HEIC", "loose.heic", "._y.heic"):
        (root / "train" / name).write_bytes(b"no image")
    (root / "top.nef").write_bytes(b"no image")
    found = survey(f"folder:{root}", 16)
    what = "train: photographs that are not read: convert them to JPEG"
    assert sorted(found.findings[what]) == [
        *("top.nef", "train/a/y.HEIC", "train/a/z.CR2", "train/loose.heic"),
    ]
    assert found.findings["train: not read, by name or place"] == ["train/a/Thumbs.db"]
    assert found.counts["test: photographs that are not read: convert them to JPEG"] == 0


def test_images_and_folders_beside_those_that_are_read_are_told(tmp_path):
    """Images beside the class folders, hidden in one, or in a folder beside train/: none was."""
    root = good(tmp_path)
    left = ("train/loose.png", "val/loose.png", "train/a/.old/b.png", "train/a/.c.png", "top.png")
    for k, name in enumerate((*left, "extra/a/0.png", "Training/0.png")):
        picture(root / name, 40 + k)
    picture(root / "train/a/notes.png", 50).rename(root / "train/a/._0.png")  # as a Mac names it
    (root / "docs").mkdir()
    (root / "docs" / "readme.txt").write_text("no image")
    (root / "train" / "labels.csv").write_text("no image")
    raws = open_source(f"folder:{root}")
    assert sorted(raws["train"].beside) == [
        *("folder Training, beside train", "folder extra, beside train"),
    ]
    assert sorted(raws["train"].unread) == [
        *("top.png", "train/a/.c.png", "train/a/.old/b.png", "train/loose.png"),
    ]
    assert raws["test"].unread == ("val/loose.png",)
    shutil.rmtree(root / "val")
    flat = open_source(f"folder:{root / 'train'}")["train"].unread
    assert sorted(flat) == ["a/.c.png", "a/.old/b.png", "loose.png"]


def test_folders_below_classes_that_may_be_the_classes_are_told(tmp_path):
    """Four classes in two groups were two classes, and nothing was found."""
    root = good(tmp_path)
    names = ("one/x/1", "one/x/2", "two/x/1", "two/2", "two/y/3", "three/cat/1", "three/dog/x/1")
    for k, name in enumerate(names):
        picture(root / "train" / f"{name}.png", 40 + k)
    found = survey(f"folder:{root}", 16)
    what = "train: folders that are taken as one class"
    assert found.findings[what] == ["cat, dog below three"]
    assert found.counts["test: folders that are taken as one class"] == 0


def test_a_name_that_is_not_utf_8_ends_no_report(tmp_path, fresh_home):
    """In a process of its own: what pytest captures takes any text."""
    root = good(tmp_path)
    (root / "train" / "a" / os.fsdecode(b"caf\xe9.txt")).write_text("no image")
    (root / "train" / "b" / "notes.txt").write_text("no image")
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "rdc_kit", "doctor", "data", f"folder:{root}", "--size", "16"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    for told in ("train/a/caf\\udce9.txt", "train/b/notes.txt", "doctor: 1 thing that should"):
        assert told in done.stdout


def test_uneven_and_missing_classes(tmp_path):
    root = good(tmp_path, per_class=1)
    for k in range(11):
        picture(root / "train" / "a" / f"more{k}.png", 50 + k)
    shutil.rmtree(root / "val" / "b")
    found = survey(f"folder:{root}", 16)
    assert found.findings["classes without a test image"] == ["b"]
    name = "train: classes with a tenth of the largest or less, smallest first"
    assert found.findings[name] == ["b"]
    (root / "train" / "none").mkdir()
    for k in range(5):  # with six images, b is no tenth of the largest class
        picture(root / "train" / "b" / f"more{k}.png", 80 + k)
    assert survey(f"folder:{root}", 16).findings[name] == ["none"]


@pytest.mark.parametrize("method", ["random", "noise", "pca"])
def test_a_saved_set_is_looked_at_by_its_own_rows(tmp_path, method):
    """By those of its originals it ended with an IndexError, or noise could not be decoded."""
    pool = colour_blocks(per_class=8)
    made = rdc.compress(method, pool, 2, **({"order": "random"} if method == "pca" else {}))
    made = replace(made, images=torch.cat([made.images[:1], made.images[:-1]]))
    place = made.save(tmp_path / "set")
    found = survey(f"parquet:{place}")
    assert found.facts == ["train: 6 images, 3 classes of 2 to 2, sides of 16 px"]
    assert found.counts["train: images that cannot be decoded"] == 0
    (copy,) = found.findings["train: images that come twice"]
    assert copy == f"row 1 of {place}[train] [0] = row 0 of {place}[train] [0]"


def test_the_spread_of_pixels_is_numpys_and_takes_less_memory_than_the_pixels():
    """In float64 at once, those of Imagenette at 224 px would take 11 GB."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(256, (501, 3, 32, 32), dtype=torch.uint8, generator=draws)
    images[7] = 99
    whole = images.numpy().reshape(501, -1).std(1)
    tracemalloc.start()
    found = spreads(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, whole)
    assert found[7] == 0
    assert 0 < peak < images.numel()


def test_the_doctor_says_it(tmp_path, capsys, fresh_home):
    root = good(tmp_path)
    assert main(["doctor", "data", f"folder:{root}", "--size", "16"]) == 0
    assert "nothing that should be looked at" in capsys.readouterr().out
    shutil.copy(root / "train/a/0.png", root / "val/a/leak.png")
    assert main(["doctor", "data", f"folder:{root}", "--size", "16"]) == 1
    said = capsys.readouterr().out
    assert "1 test images that are in the training split too" in said
    assert main(["doctor", "data"]) == 2
    assert main(["doctor", "date", "digits"]) == 2
    assert main(["doctor", "data", "digitz"]) == 2


def test_the_doctor_names_every_place_when_asked(tmp_path, capsys, fresh_home):
    """Of 12 leaks 5 were named, and nothing told the others."""
    root = good(tmp_path)
    for k in range(6):
        shutil.copy(root / "train/a/0.png", root / f"val/a/leak{k}.png")
    command = ["doctor", "data", f"folder:{root}", "--size", "16"]
    main(command)
    said = capsys.readouterr().out
    assert "leak4.png" in said
    assert "leak5.png" not in said.partition("test images that are in the training split too")[2]
    assert "    and 1 more: --all names them\n" in said
    main([*command, "--all"])
    said = capsys.readouterr().out
    assert all(f"    val/a/leak{k}.png [a] = train/a/0.png [a]\n" in said for k in range(6))
    assert "more" not in said


def test_a_table_is_opened_once(tmp_path, fresh_home, monkeypatch):
    colour_blocks().save(tmp_path / "set")
    name, opened = f"parquet:{tmp_path / 'set'}", []
    survey(name)  # decodes, and then looks whether the files are still the same
    read = sources.read_local
    monkeypatch.setattr(sources, "read_local", lambda path: opened.append(path) or read(path))
    survey(name)
    assert opened == [tmp_path / "set"]
