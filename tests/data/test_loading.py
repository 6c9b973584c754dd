"""Loading: every image is decoded once, made square and kept in a cache."""

import contextlib
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data import decoding, loading
from rdc_kit.data.sources import open_source
from rdc_kit.ground import locks, store

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


def set_back(path, change):
    """Change a file's bytes, but neither their number nor the time of their change."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def other_image(path):
    """The same file with another colour of its first pixel; BMP keeps colours as plain bytes."""
    set_back(path, lambda data: data.__setitem__(-1, data[-1] ^ 255))


CHANGES = {
    "content, size and time kept": lambda one, other: other_image(one),
    "added": lambda one, other: shutil.copy2(one, one.with_name("new.bmp")),
    "removed": lambda one, other: other.unlink(),
    "replaced by a moved one": lambda one, other: os.replace(other, one),
    "folders swapped": lambda one, other: swapped(one.parent, other.parent),
    "moved to another class": lambda one, other: one.rename(other.with_name("moved.bmp")),
}


def swapped(one, other):
    """Two folders, or links to some, change places."""
    aside = one.with_name("aside")
    for before, after in ((one, aside), (other, one), (aside, other)):
        before.rename(after)


def test_what_is_decoded_needs_no_lock(folder, fresh_home, monkeypatch):
    """A complete home that may only be read was refused."""
    before = rdc.load(f"folder:{folder}", 16).train

    def no(*_given, **_options):
        raise PermissionError("a home that may only be read")

    monkeypatch.setattr("rdc_kit.ground.locks.lock", no)
    assert rdc.load(f"folder:{folder}", 16).train.fingerprint() == before.fingerprint()
    with pytest.raises(PermissionError):
        rdc.load(f"folder:{folder}", 24)


@pytest.mark.parametrize("harmed", ["images.u8", "meta.json", "all"])
def test_what_another_process_has_mended_meanwhile_is_not_set_aside(
    folder, fresh_home, monkeypatch, capsys, tmp_path, harmed
):
    """Found damaged without the lock, it was moved away though it had just been made again."""
    name = f"folder:{folder}"
    before = rdc.load(name, 16).train
    cache = fresh_home / "data" / "cache"
    shutil.copytree(cache, tmp_path / "whole")
    for path in cache.glob("*/*"):
        if harmed == path.name:
            path.write_bytes(path.read_bytes()[:-2] + b"!!")
    if harmed == "all":
        shutil.rmtree(cache)
    real = locks.lock

    @contextlib.contextmanager
    def waited(*given, **options):
        """By the time that it is ours, whoever held it is done."""
        shutil.copytree(tmp_path / "whole", cache, dirs_exist_ok=True)
        with real(*given, **options):
            yield

    monkeypatch.setattr(locks, "lock", waited)
    monkeypatch.setattr(loading, "decode", None)
    assert rdc.load(name, 16).train.fingerprint() == before.fingerprint()
    assert not list(cache.glob("*.damaged"))
    assert not capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "parquet"])
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_in_a_folder_of_images_is_noticed(kind, change, tmp_path, fresh_home):
    for k, name in enumerate("abab"):
        path = picture(tmp_path / "real" / name / f"{k // 2}.bmp", k, size=(16, 16))
        os.utime(path, ns=(10**18, 10**18))
    root = tmp_path / "real"
    if kind == "folder":  # behind links; `datasets`, which reads folders of images too, has none
        root = tmp_path / "linked"
        root.mkdir()
        for name in "ab":
            (root / name).symlink_to(tmp_path / "real" / name)
    before = rdc.load(f"{kind}:{root}", size=16).train.fingerprint()
    CHANGES[change](root / "a" / "0.bmp", root / "b" / "1.bmp")
    after = rdc.load(f"{kind}:{root}", size=16).train
    assert after.fingerprint() != before
    shutil.copytree(root, tmp_path / "copy")  # never seen before
    fresh = rdc.load(f"{kind}:{tmp_path / 'copy'}", size=16).train
    assert torch.equal(after.images, fresh.images)
    assert torch.equal(after.labels, fresh.labels)


def test_links_within_a_class_are_followed_and_those_that_lead_back_are_not(tmp_path, fresh_home):
    for k in range(2):
        picture(tmp_path / "pictures" / "a" / f"{k}.png", k)
        picture(tmp_path / "more" / f"{k}.png", 9 + k)
    (tmp_path / "pictures" / "a" / "linked").symlink_to(tmp_path / "more")
    (tmp_path / "more" / "back").symlink_to(tmp_path / "pictures")
    assert len(rdc.load(f"folder:{tmp_path / 'pictures'}", size=16).train) == 4


def test_a_linked_table_that_is_exchanged_is_noticed(tmp_path, fresh_home, blocks):
    (tmp_path / "set").mkdir()
    for k in range(2):
        stored = rdc.compress("random", blocks, 1, seed=k)
        (tmp_path / "set" / "data").unlink(missing_ok=True)
        (tmp_path / "set" / "data").symlink_to(stored.save(tmp_path / str(k)) / "data")
        seen = rdc.load(f"parquet:{tmp_path / 'set'}", size=16).train
        assert torch.equal(seen.images, stored.images)


def test_another_set_in_the_place_of_one_is_noticed(tmp_path, fresh_home, blocks):
    first = rdc.compress("random", blocks, 1)
    folder = first.save(tmp_path / "set")
    assert torch.equal(rdc.load(f"parquet:{folder}").train.images, first.images)
    second = replace(first, images=first.images.flip(0))
    stored = second.save(tmp_path / "other")
    table = next((folder / "data").iterdir())
    time = table.stat().st_mtime_ns
    os.replace(next((stored / "data").iterdir()), table)
    os.utime(table, ns=(time, time))
    assert torch.equal(rdc.load(f"parquet:{folder}").train.images, second.images)


def test_files_that_change_while_they_are_read_are_not_kept(folder, fresh_home, monkeypatch):
    def slow(*given):
        decoding.decode(*given)
        picture(folder / "train" / "cat" / "0.png", 12345)

    monkeypatch.setattr(loading, "decode", slow)
    refuses(f"folder:{folder}", "changed while they were read", size=16)
    monkeypatch.undo()
    assert not list((fresh_home / "data" / "cache").glob("*/images.u8"))


def test_what_16_bits_are_scaled_by_is_looked_at_once(tmp_path, fresh_home, monkeypatch):
    """A thousand images were decoded at every load, though all was in the cache."""
    name, looks = f"folder:{tmp_path / 'x'}", []
    for k, label in enumerate("ab"):
        path = picture(tmp_path / "x" / label / "0.png", k)
        Image.fromarray(np.full((16, 16), 4000 - k, np.uint16)).save(path)
    real = loading.white_of
    monkeypatch.setattr(loading, "white_of", lambda *given: looks.append(1) or real(*given))
    before = rdc.load(name, 16).train
    assert rdc.load(name, 16).train.fingerprint() == before.fingerprint()
    assert rdc.load(name, 24).train.provenance["white"] == 4095
    assert len(looks) == 1
    (note,) = (fresh_home / "data" / "cache").glob("*-white-*.json")
    note.write_text('{"white": 4}')
    assert rdc.load(name, 16).train.fingerprint() == before.fingerprint()
    assert len(looks) == 2
    Image.fromarray(np.full((16, 16), 5000, np.uint16)).save(path)
    assert rdc.load(name, 16).train.provenance["white"] == 16383

    def no(*_given):
        raise PermissionError("a home that may only be read")

    note.unlink()
    monkeypatch.setattr("rdc_kit.ground.files.write_json", no)
    assert rdc.load(name, 16).train.provenance["white"] == 16383


def test_the_cache_of_8_bit_images_keeps_its_keys(folder, fresh_home):
    raw = open_source(f"folder:{folder}")["train"]
    name = f"folder:{folder}"
    rdc.load(name, 16)
    key = {"source": name, "split": "train", "size": 16, "resize": decoding.RESIZE_RULE}
    key |= {"identity": raw.identity, "on_bad": "error"}
    (home,) = (fresh_home / "data" / "cache").glob("*-train-16-*[!k]")
    assert home.name.endswith(f"-train-16-{store.config_hash(key)}")
    assert not list(home.parent.glob("*.json"))


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


def test_a_pool_does_not_take_other_images_for_its_larger_ones(folder, fresh_home):
    """By row number alone it got those of another class, or an IndexError."""
    pool = rdc.load(f"folder:{folder}", size=16).train
    first = sorted((folder / "train").glob("*/*"))[0]
    first.rename(first.with_name("zzz" + first.suffix))
    with pytest.raises(rdc.DataError, match="has other images now than when this pool was loaded"):
        loading.in_full(pool)
    first.with_name("zzz" + first.suffix).unlink()
    with pytest.raises(rdc.DataError, match="load it again"):
        loading.in_full(pool)


def test_what_was_made_from_a_pool_is_cropped_as_it_is(folder, fresh_home, blocks, tmp_path):
    pool = rdc.load(f"folder:{folder}", size=16).train
    rdc.select(pool, None, 1, "random").save(tmp_path / "saved")
    saved = rdc.load(f"parquet:{tmp_path / 'saved'}").train
    made = (rdc.compress("random", pool, 1), saved)
    for images in (*made, rdc.load("digits", 32).train, blocks):
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


def test_the_usual_size_is_that_of_the_images_that_can_be_read(tmp_path):
    name = folder_of(tmp_path, [(32, 32)] * 3)
    (tmp_path / "c" / "1.png").write_bytes(b"not an image")
    (tmp_path / "c" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert loading.usual_size(name) == rdc.load(name, on_bad="skip").train.size == 32
    for k in (0, 2):
        (tmp_path / "c" / f"{k}.png").write_bytes(b"not an image")
    assert loading.usual_size(name) == 64


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
    noise = rdc.compress("noise", pool, 1)
    assert loading.to_look_at(noise, 48) is noise.images


def test_a_pool_with_other_pixels_is_cropped_as_it_is(folder, fresh_home):
    """A darkened pool got crops of the source's bright images."""
    pool = rdc.load(f"folder:{folder}", size=16).train
    dark = replace(pool, images=pool.images // 4)
    images, place = loading.in_full(dark)
    assert torch.equal(images[place], dark.images)
    mended = replace(pool, labels=pool.labels.roll(1))  # labels that were corrected
    images, place = loading.in_full(mended)
    assert images.shape[-1] > 16


def test_means_and_sds_are_those_of_all_pixels_in_floats(monkeypatch):
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(40, 200, (130, 3, 6, 6), dtype=torch.uint8, generator=draw)
    images[:, 1] = 204
    rows = torch.arange(0, 130, 2)
    pixels = images[rows].double().transpose(0, 1).flatten(1) / 255
    means, sds = loading.channel_statistics(images, rows)
    assert means == pytest.approx(pixels.mean(1).tolist(), rel=1e-12)
    assert sds == pytest.approx(pixels.std(1, correction=0).tolist(), rel=1e-9, abs=1e-12)
    assert (means[1], sds[1]) == (0.8, 0.0)


@pytest.mark.parametrize("rows", [slice(None), [5, 4, 1, 0]])
def test_one_image_that_was_changed_is_found_wherever_it_stands(
    folder, fresh_home, monkeypatch, rows
):
    """Only a thousand were looked at: the crops of a retouched image were the source's."""
    monkeypatch.setattr(loading, "_LOOKED_AT", 2)  # the first and the last
    pool = rdc.load(f"folder:{folder}", size=16).train[rows]
    images, _ = loading.in_full(pool)
    assert images.shape[-1] > 16
    pool.images[2] = 255 - pool.images[2]
    images, place = loading.in_full(pool)
    assert torch.equal(images[place], pool.images)


def test_a_pool_that_stays_on_disk_has_its_larger_images(folder, fresh_home, monkeypatch):
    monkeypatch.setenv("RDC_MEMORY_GB", "1e-9")
    pool = rdc.load(f"folder:{folder}", size=16).train
    assert pool.images is pool.on_disk
    images, _ = loading.in_full(pool)
    assert images.shape[-1] > 16
