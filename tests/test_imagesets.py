"""Loading, checking, saving and reading back."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data import loading as decoding
from rdc_kit.data.imagesets import DataError

from .conftest import colour_blocks


def picture(path, seed, size=(40, 30), mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """train/ with classes 10, 2, cat (3, 4, 5 images) and val/ with two of them."""
    root = tmp_path / "pictures"
    for k, (name, count) in enumerate([("10", 3), ("2", 4), ("cat", 5)]):
        for i in range(count):
            picture(root / "train" / name / f"{i}.png", 100 * k + i)
    for k, name in enumerate(["cat", "2"]):
        picture(root / "val" / name / "a.png", 900 + k)
    return root


def parquet(path, columns, features=None):
    import datasets

    datasets.Dataset.from_dict(columns, features=features).to_parquet(str(path))
    return path


def encoded(seed, mode="RGB", kind="PNG"):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, format=kind)
    return {"bytes": buffer.getvalue(), "path": None}


def image_features(label):
    import datasets

    return datasets.Features({"image": datasets.Image(), **label})


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


def test_a_folder_has_torchvisions_classes_and_maps_val_by_name(folder):
    from torchvision.datasets import ImageFolder

    pool, test = rdc.load(f"folder:{folder}", size=24)
    theirs = ImageFolder(str(folder / "train"))
    assert list(pool.classes) == theirs.classes == ["10", "2", "cat"]
    assert pool.labels.tolist() == theirs.targets
    assert pool.images.shape == (12, 3, 24, 24)
    assert test.classes == pool.classes
    assert test.labels.tolist() == [1, 2]  # "2" and "cat", though they are folders 0 and 1 of val


def test_squaring_is_torchvisions_resize_and_centre_crop(folder):
    from torchvision.transforms import v2

    pool, _ = rdc.load(f"folder:{folder}", size=24)
    image = Image.open(folder / "train" / "10" / "0.png")
    theirs = v2.CenterCrop(24)(v2.Resize(24, antialias=True)(image))
    theirs = np.asarray(theirs).astype(int)
    assert np.abs(pool.images[0].permute(1, 2, 0).numpy().astype(int) - theirs).max() <= 1


def test_an_image_of_the_right_size_keeps_its_pixels(tmp_path):
    path = picture(tmp_path / "x" / "c" / "a.png", 0, size=(16, 16))
    pool = rdc.load(f"folder:{tmp_path / 'x'}", size=16).train
    assert np.array_equal(pool.images[0].permute(1, 2, 0).numpy(), np.asarray(Image.open(path)))


def test_grey_cmyk_and_palette_images_are_converted(tmp_path):
    for k, mode in enumerate(["L", "CMYK", "P"]):
        picture(tmp_path / "x" / "c" / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}", k, mode=mode)
    assert rdc.load(f"folder:{tmp_path / 'x'}", size=16).train.images.shape == (3, 3, 16, 16)


def test_the_cache_is_used_and_notices_changed_files(folder, fresh_home):
    name = f"folder:{folder}"
    first = rdc.load(name, size=16).train
    blob = next((fresh_home / "data" / "cache").glob("*-train-16-*/images.u8"))
    stamp = blob.stat().st_mtime_ns
    assert rdc.load(name, size=16).train.fingerprint() == first.fingerprint()
    assert blob.stat().st_mtime_ns == stamp
    picture(folder / "train" / "cat" / "0.png", 12345)
    assert rdc.load(name, size=16).train.fingerprint() != first.fingerprint()
    assert rdc.load(name, size=24).train.size == 24


def test_a_set_above_the_memory_budget_is_mapped_and_trains(folder, fresh_home, monkeypatch, exact):
    name = f"folder:{folder}"
    in_memory = rdc.load(name, size=16).train
    monkeypatch.setattr(decoding, "MEMORY_BUDGET", 1)
    mapped = rdc.load(name, size=16).train
    assert mapped.provenance["mapped"] is True
    assert torch.equal(mapped.images, in_memory.images)
    kept = rdc.select(mapped, None, per_class=2, order="random")
    assert "mapped" not in kept.provenance
    protocol = rdc.protocols.hard(epochs=1)
    assert rdc.fit(mapped, protocol, "convnet2-w8", runtime=exact).steps == 2


@pytest.mark.parametrize("label", ["label", "class_id"])
def test_parquet_with_either_label_column(tmp_path, label):
    path = parquet(
        tmp_path / "some.parquet",
        {"image": [encoded(0), encoded(1, "L")], label: [1, 0]},
        image_features({label: _value("int64")}),
    )
    pool, test = rdc.load(f"parquet:{path}", size=16)
    assert pool.labels.tolist() == [1, 0]
    assert pool.provenance["label_column"] == label
    assert test is None


def _value(kind):
    import datasets

    return datasets.Value(kind)


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


def test_sets_of_the_same_folder_name_are_not_mixed_up(tmp_path, fresh_home):
    """`datasets` caches a local folder by its last name: the second set came back as the first."""
    one, two = colour_blocks(per_class=2), colour_blocks(per_class=3, seed=1)
    one.save(tmp_path / "a" / "set")
    two.save(tmp_path / "b" / "set")
    for folder, saved in (("a", one), ("b", two), ("a", one)):
        found = rdc.load(f"parquet:{tmp_path / folder / 'set'}").train
        assert torch.equal(found.images, saved.images)
        assert torch.equal(found.labels, saved.labels)


def test_save_never_overwrites_by_surprise(tmp_path):
    pool = colour_blocks(per_class=2)
    pool.save(tmp_path / "set")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        pool.save(tmp_path / "set")
    pool[:3].save(tmp_path / "set", overwrite=True)
    assert len(rdc.load(f"parquet:{tmp_path / 'set'}").train) == 3
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="left alone"):
        pool.save(tmp_path / "mine", overwrite=True)


# Bad inputs: each a clear error that names the thing and the remedy.


def refuses(name, *parts, **options):
    with pytest.raises(DataError) as caught:
        rdc.load(name, **options)
    for part in parts:
        assert part in str(caught.value)


def test_unknown_dataset():
    refuses("imagenete", "unknown dataset 'imagenete'", "did you mean 'imagenette'?", "digits")
    refuses("folders:/x", "unknown dataset", "folder:PATH")


def test_missing_places(tmp_path):
    refuses(f"folder:{tmp_path / 'no'}", "does not exist", "folder:PATH")
    refuses(f"parquet:{tmp_path / 'no'}", "does not exist", "parquet:PATH")
    refuses(f"folder:{tmp_path}", "no class folders", "CLASS/image.jpg")
    (tmp_path / "a").mkdir()
    refuses(f"folder:{tmp_path}", "no images")


def test_missing_columns_name_those_found(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"picture": ["x"], "label": [0]})
    refuses(f"parquet:{path}", "no image column", "found picture, label", "expected one of image")
    features = image_features({"target": _value("int64")})
    path = parquet(tmp_path / "b.parquet", {"image": [encoded(0)], "target": [0]}, features)
    refuses(f"parquet:{path}", "no label column", "found image, target", "class_id")


def test_labels_out_of_range_name_the_row(tmp_path):
    features = image_features({"label": _value("int64")})
    columns = {"image": [encoded(0), encoded(1)], "label": [0, -1]}
    path = parquet(tmp_path / "a.parquet", columns, features)
    refuses(f"parquet:{path}", "label -1 at row 1", "out of range")
    with pytest.raises(DataError, match=r"label 5 at row 2 is out of range 0\.\.1"):
        rdc.from_tensors(
            torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 5]), ("a", "b")
        )


def test_labels_that_are_no_integers(tmp_path):
    features = image_features({"label": _value("string")})
    path = parquet(tmp_path / "a.parquet", {"image": [encoded(0)], "label": ["cat"]}, features)
    refuses(f"parquet:{path}", "'label'", "expected integers")


def test_corrupt_images_name_row_and_path_or_are_skipped(folder):
    bad = folder / "train" / "2" / "1.png"
    bad.write_bytes(bad.read_bytes()[:60])
    refuses(f"folder:{folder}", "row 4", str(bad), "on_bad='skip'", size=16)
    pool = rdc.load(f"folder:{folder}", size=16, on_bad="skip").train
    assert pool.provenance["skipped"] == 1
    assert pool.counts().tolist() == [3, 3, 5]
    assert 4 not in pool.row_ids.tolist()
    kept = rdc.select(pool, None, per_class=3, order="random")  # refilled from the other images
    assert kept.counts().tolist() == [3, 3, 3]


def test_no_network_says_what_to_put_where(fresh_home):
    """In a process of its own: the Hub's client reads HF_HUB_OFFLINE when it is imported."""
    environment = {k: v for k, v in os.environ.items() if k != "RDC_DATA"} | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "rdc_kit", "compress", "random", "--dataset", "cifar10"]
    command += ["--out", str(fresh_home / "set")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    for part in ("cannot load 'uoft-cs/cifar10'", "DIR/cifar10", "RDC_DATA=DIR"):
        assert part in done.stderr


def test_a_test_class_that_training_lacks(folder):
    picture(folder / "val" / "dog" / "a.png", 5)
    refuses(f"folder:{folder}", "dog", "train")


def test_wrong_size_and_on_bad():
    refuses("digits", "size must be", "8 to 1024", size=4)
    refuses("digits", "on_bad must be", on_bad="ignore")


def test_a_failed_decode_leaves_nothing_behind(folder, fresh_home):
    (folder / "train" / "2" / "1.png").write_bytes(b"not an image")
    refuses(f"folder:{folder}", "cannot be decoded", size=16)
    left = [p for p in (fresh_home / "data" / "cache").glob("*") if not p.name.endswith(".lock")]
    assert not left


def test_indexing_keeps_rows_together():
    pool = colour_blocks()
    part = pool[torch.tensor([5, 2])]
    assert part.row_ids.tolist() == [5, 2]
    assert torch.equal(part.images[1], pool.images[2])
    assert len(pool[:4]) == len(pool[[0, 1, 2, 3]]) == 4
    assert len(pool[pool.labels == 1]) == 6
    assert len(pool[3]) == 1


def test_fingerprints_tell_sets_apart():
    pool = colour_blocks()
    assert pool.fingerprint() == colour_blocks().fingerprint()
    other = colour_blocks()
    other.images[0, 0, 0, 0] ^= 1
    assert other.fingerprint() != pool.fingerprint()
    assert pool[[1, 0]].fingerprint() != pool[[0, 1]].fingerprint()
