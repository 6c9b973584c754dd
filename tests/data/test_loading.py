"""Loading: every image is decoded once, made square and kept in a cache."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data import loading

from ..conftest import picture
from .conftest import refuses


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


def test_wrong_size_and_on_bad():
    refuses("digits", "size must be", "8 to 1024", size=4)
    refuses("digits", "on_bad must be", on_bad="ignore")


def test_a_pool_finds_its_larger_images(folder, fresh_home):
    name = f"folder:{folder}"
    small, large = rdc.load(name, size=16).train, rdc.load(name, size=224).train
    rows = torch.tensor([5, 0, 3])
    images, place = loading.in_full(small[rows])
    assert torch.equal(images[place], large.images[rows])
    images, place = loading.in_full(large)  # as large as they come
    assert torch.equal(images[place], large.images)


def test_what_was_made_from_a_pool_is_cropped_as_it_is(folder, fresh_home, blocks):
    pool = rdc.load(f"folder:{folder}", size=16).train
    for images in (rdc.compress("random", pool, 1), rdc.load("digits", 32).train, blocks):
        full, place = loading.in_full(images)
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
    assert loading.usual_size(name) == rdc.load(name).train.size == expected
    assert loading.usual_size("imagenette") == 64


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


def test_a_few_images_can_be_looked_at_larger(folder):
    pool, test = rdc.load(f"folder:{folder}", size=16)
    large = rdc.load(f"folder:{folder}", size=48).train
    assert torch.equal(loading.to_look_at(pool[[7, 2]], 48), large.images[[7, 2]])
    assert loading.to_look_at(test, 48).shape == (2, 3, 48, 48)
    assert loading.to_look_at(pool, 8) is pool.images
    composites = replace(pool[:2], members=torch.zeros(2, 4, dtype=torch.int64), grid=(2, 2))
    assert loading.to_look_at(composites, 48) is composites.images
    assert len(loading.to_look_at(pool[:0], 48)) == 0
