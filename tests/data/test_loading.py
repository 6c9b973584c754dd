"""Loading: every image is decoded once, made square and kept in a cache."""

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data import loading as decoding

from ..conftest import picture
from .conftest import refuses


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


def test_wrong_size_and_on_bad():
    refuses("digits", "size must be", "8 to 1024", size=4)
    refuses("digits", "on_bad must be", on_bad="ignore")


def test_a_failed_decode_leaves_nothing_behind(folder, fresh_home):
    (folder / "train" / "2" / "1.png").write_bytes(b"not an image")
    refuses(f"folder:{folder}", "cannot be decoded", size=16)
    left = [p for p in (fresh_home / "data" / "cache").glob("*") if not p.name.endswith(".lock")]
    assert not left


@pytest.mark.parametrize(("side", "shorter"), [(24, 24), (32, 32), (56, 64), (64, 72), (224, 256)])
def test_test_images_are_cut_from_a_resize_to_8_sevenths(tmp_path, side, shorter):
    """As Resize(256), CenterCrop(224) in the released code, for every size."""
    from torchvision.transforms import v2

    for split in ("train", "val"):
        picture(tmp_path / split / "c" / "a.png", 3, size=(400, 300))
    pool, test = rdc.load(f"folder:{tmp_path}", size=side)
    image = Image.open(tmp_path / "val" / "c" / "a.png")
    theirs = v2.CenterCrop(side)(v2.Resize(shorter, antialias=True)(image))
    difference = test.images[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(theirs)
    assert np.abs(difference).max() <= 1
    whole = v2.CenterCrop(side)(v2.Resize(side, antialias=True)(image))
    difference = pool.images[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(whole)
    assert np.abs(difference).max() <= 1


def test_small_test_images_lose_no_border(tmp_path):
    for split in ("train", "val"):
        picture(tmp_path / split / "c" / "a.png", 3, size=(20, 20))
    pool, test = rdc.load(f"folder:{tmp_path}", size=64)
    assert torch.equal(pool.images, test.images)


def test_a_pool_finds_its_larger_images(folder, fresh_home):
    name = f"folder:{folder}"
    small, large = rdc.load(name, size=16).train, rdc.load(name, size=224).train
    rows = torch.tensor([5, 0, 3])
    images, place = decoding.in_full(small[rows])
    assert torch.equal(images[place], large.images[rows])
    images, place = decoding.in_full(large)  # as large as they come
    assert torch.equal(images[place], large.images)


def test_what_was_made_from_a_pool_is_cropped_as_it_is(folder, fresh_home, blocks):
    pool = rdc.load(f"folder:{folder}", size=16).train
    for images in (rdc.compress("random", pool, 1), rdc.load("digits", 32).train, blocks):
        full, place = decoding.in_full(images)
        assert torch.equal(full[place], images.images)


def folder_of(place, sizes):
    """One class of pictures, of given sizes."""
    for k, size in enumerate(sizes):
        picture(place / "c" / f"{k}.png", k, size=size)
    return f"folder:{place}"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(32, 32)] * 3, 32),
        ([(32, 32), (32, 32), (33, 32)], 64),
        ([(40, 30)] * 3, 64),
        ([(400, 400)] * 2, 64),
    ],
)
def test_a_folder_is_loaded_at_its_images_own_size_where_they_are_alike(tmp_path, sizes, expected):
    name = folder_of(tmp_path, sizes)
    assert decoding.usual_size(name) == rdc.load(name).train.size == expected
    assert decoding.usual_size("imagenette") == 64


def test_a_folder_has_the_statistics_of_its_own_pool(tmp_path):
    for split, level in (("train", 51), ("val", 204)):
        for k, shift in enumerate((-20, 20)):
            pixels = np.full((16, 16, 3), level + shift, np.uint8)
            pixels[..., 2] = 0
            path = tmp_path / split / "c" / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    pool, test = rdc.load(f"folder:{tmp_path}")
    assert pool.traits.mean == pytest.approx((0.2, 0.2, 0), abs=1e-3)
    assert pool.traits.std == pytest.approx((20 / 255, 20 / 255, 0.01), abs=1e-3)
    assert test.traits == pool.traits


@pytest.mark.parametrize(
    ("size", "student"),
    [(16, "convnet3-w128"), (32, "convnet3-w128"), (64, "convnet4-w128"), (224, "resnet18")],
)
def test_the_network_fits_the_size(folder, size, student):
    pool = rdc.load(f"folder:{folder}", size=size).train
    assert pool.student == student
    assert rdc.load("digits", size=16).train.student == "convnet3-w32"
