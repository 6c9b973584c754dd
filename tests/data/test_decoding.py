"""Decoding: torchvision's pixels, odd files told apart, a cache that is checked."""

import copy
import errno
import hashlib
import io
import os
import pickle
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data import decoding
from rdc_kit.data.survey import survey

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


def test_a_set_above_the_memory_budget_is_mapped_and_trains(folder, fresh_home, monkeypatch, exact):
    name = f"folder:{folder}"
    in_memory = rdc.load(name, size=16).train
    monkeypatch.setenv("RDC_MEMORY_GB", "1e-9")
    mapped = rdc.load(name, size=16).train
    assert mapped.provenance["mapped"] is True
    assert torch.equal(mapped.images, in_memory.images)
    kept = rdc.select(mapped, None, per_class=2, order="random")
    assert "mapped" not in kept.provenance
    protocol = rdc.protocols.hard(epochs=1)
    assert rdc.fit(mapped, protocol, "convnet2-w8", runtime=exact).steps == 2


def test_the_checksum_of_a_mapped_set_stands_for_its_own_images_only(
    folder, fresh_home, monkeypatch
):
    """Other pixels in their place had the same fingerprint, so the same teacher and scores."""
    monkeypatch.setenv("RDC_MEMORY_GB", "1e-9")
    pool = rdc.load(f"folder:{folder}", size=16).train
    # A known answer, for what is kept of a set goes by it: the checksum instead of the pixels.
    facts = repr((pool.classes, pool.traits, pool.grid, pool.view, (12, 3, 16, 16)))
    told = facts.encode() + str(pool.provenance["pixels"]).encode()
    told += pool.labels.numpy().tobytes() + pool.row_ids.numpy().tobytes()
    assert pool.fingerprint() == hashlib.blake2b(told, digest_size=12).hexdigest()
    for same in (pickle.loads(pickle.dumps(pool)), copy.deepcopy(pool), pool.like(pool), pool[:]):
        assert same.fingerprint() == pool.fingerprint()
    assert pool[:4].fingerprint() == pool[[0, 1, 2, 3]].fingerprint()
    changed = replace(pool, images=255 - pool.images)
    assert changed.fingerprint() != pool.fingerprint()
    assert changed[:4].fingerprint() != pool[:4].fingerprint()
    assert changed.fingerprint() == replace(changed, provenance={}).fingerprint()


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


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ETIMEDOUT])
@pytest.mark.parametrize("on_bad", ["error", "skip"])
@pytest.mark.parametrize("size", [16, None])
def test_an_image_that_the_disk_does_not_give_is_not_left_out(
    folder, monkeypatch, fresh_home, number, on_bad, size
):
    """One failed reading, and a whole image was corrupt from then on."""
    away, real = folder / "train" / "2" / "1.png", Image.open

    def opens(source):
        if source == away:
            raise OSError(number, os.strerror(number), str(source))
        return real(source)

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", opens)
        told = (f"row 4 ({away}) cannot be read ({os.strerror(number)})", "the same call again")
        refuses(f"folder:{folder}", *told, size=size, on_bad=on_bad)
    pool = rdc.load(f"folder:{folder}", size, on_bad=on_bad).train
    assert (len(pool), pool.provenance["skipped"]) == (12, 0)


def test_all_corrupt_images_are_named_at_once_with_every_remedy(folder, fresh_home, monkeypatch):
    broken = [folder / "train" / name for name in ("2/1.png", "2/2.png", "10/0.png")]
    for path in broken:
        path.write_bytes(b"not an image")
    name = f"folder:{folder}"
    remedies = ("(3 images)", 'the parameter on_bad = "skip"', "-p on_bad skip")
    refuses(name, *map(str, broken), *remedies, size=16)
    monkeypatch.setattr(decoding, "_MOST_BAD", 2)
    refuses(name, "(the first 2; there may be more)", size=16)
    assert rdc.load(name, size=16, on_bad="skip").train.provenance["skipped"] == 3


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


def grey16(path, values):
    """A 16-bit image of 16 x 16 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint16).reshape(16, 16)).save(path)


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
def test_all_images_of_a_source_have_one_scale(tmp_path, white):
    """A dark image is not brightened, and 12 bits that are kept in 16 do not become black."""
    ramp = np.linspace(0, white, 256).round()
    for split in ("train", "val"):
        for name, values in (("bright", ramp), ("dark", ramp // 4)):
            grey16(tmp_path / split / name / "a.png", values)
    for images in rdc.load(f"folder:{tmp_path}", 16):
        grey = images.images[:, 0].flatten(1).numpy()
        assert np.abs(grey[0] - np.arange(256.0)).max() <= 1
        assert np.abs(grey[1] - np.arange(256) / 4).max() <= 1.25
        assert images.provenance["white"] == white


@pytest.mark.parametrize("on_bad", ["error", "skip"])
def test_what_is_brighter_than_the_training_images_becomes_white_and_is_told(
    tmp_path, fresh_home, capsys, monkeypatch, on_bad
):
    """A brighter test image, or the 1,001st of the training images, was refused as corrupt."""
    root = tmp_path / "x"
    for name in "abc":  # of three, the first and the last are looked at
        grey16(root / "train" / name / "a.png", np.arange(256) * (17 if name == "b" else 16))
    grey16(root / "val" / "a" / "a.png", np.arange(256) * 16)
    grey16(root / "val" / "b" / "a.png", np.arange(256) * 20)
    monkeypatch.setattr("rdc_kit.data.loading._LOOKED_AT", 2)
    ramp = np.arange(256)
    for again in (False, True):
        pool, test = rdc.load(f"folder:{root}", 16, on_bad)
        for images, row, factor in ((pool, 0, 16), (pool, 1, 17), (test, 0, 16), (test, 1, 20)):
            expected = np.minimum(ramp * factor, 4095) * 255 // 4095
            assert np.array_equal(images.images[row, 0].ravel().numpy(), expected)
            assert images.provenance["clipped"] == 1
            assert images.provenance["skipped"] == 0
        told = capsys.readouterr().err
        for split, path in (("train", "train/b/a.png"), ("test", "val/b/a.png")):
            assert (f"x [{split}]: 1 of" in told and path in told) != again
    facts = survey(f"folder:{root}", 16).facts
    assert "of 16-bit images 0..4095 becomes 0..255, 1 of them brighter and cut off" in facts[1]


def bomb(width, height):
    """A PNG of a few bytes that says it is huge."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [(12_000, 12_000, "more than 134 million"), (10**5, 10**5, ""), (60_000, 1, "too narrow")],
)
def test_a_bomb_is_refused_by_its_size_before_it_is_decoded(folder, width, height, told):
    bad = folder / "train" / "2" / "1.png"
    bad.write_bytes(bomb(width, height))
    refuses(f"folder:{folder}", "row 4", "cannot be decoded", told, size=16)
    pool = rdc.load(f"folder:{folder}", size=16, on_bad="skip").train
    assert pool.provenance["skipped"] == 1


def test_a_link_to_nowhere_is_a_corrupt_image_and_a_pipe_is_none(folder):
    (folder / "train" / "2" / "gone.png").symlink_to(folder / "nothing.png")
    os.mkfifo(folder / "train" / "2" / "pipe.png")
    hidden = folder / "train" / "2" / ".thumbnails"
    hidden.mkdir()
    picture(hidden / "a.png", 3)
    refuses(f"folder:{folder}", "gone.png", "cannot be decoded", size=16)
    pool = rdc.load(f"folder:{folder}", size=16, on_bad="skip").train
    assert pool.provenance["skipped"] == 1
    assert len(pool) == 12


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "gone", "meta", "rows"])
def test_a_damaged_cache_is_set_aside_and_decoded_again(folder, fresh_home, capsys, harm):
    name = f"folder:{folder}"
    right = rdc.load(name, size=16).train
    home = next(p.parent for p in (fresh_home / "data" / "cache").glob("*-train-16-*/images.u8"))
    path = home / {"meta": "meta.json", "rows": "kept.npy"}.get(harm, "images.u8")
    content = bytearray(path.read_bytes())
    if harm in ("flip", "rows", "meta"):
        content[len(content) // 2] ^= 255
    path.write_bytes({"cut": content[:-5], "empty": b""}.get(harm, content))
    if harm == "gone":
        path.unlink()
    again = rdc.load(name, size=16).train
    assert again.fingerprint() == right.fingerprint()
    assert "is damaged" in capsys.readouterr().err


def test_a_wrong_memory_budget_is_said_where_it_is_used(monkeypatch):
    for wrong in ("abc", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("RDC_MEMORY_GB", wrong)
        with pytest.raises(rdc.DataError, match="RDC_MEMORY_GB must be a number of GB above 0"):
            rdc.load("digits")
