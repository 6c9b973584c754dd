"""One image: upright by EXIF, 16 bits scaled to 8, floats, orientations as PIL's."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

import rdc_kit as rdc
from rdc_kit.data import pixels


def test_photographs_stand_upright(tmp_path):
    """A telephone stores the turned picture and says so in EXIF."""
    upright = np.zeros((20, 20, 3), np.uint8)
    upright[:10] = 200  # bright sky
    lying = Image.fromarray(np.rot90(upright, 1).copy())  # needs a quarter turn clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    lying.save(path, exif=exif)
    seen = pixels.square(path, 20)
    assert np.array_equal(seen.transpose(1, 2, 0), upright)


def turned(kind, orientation, exif=None):
    """An encoded picture of 20 x 30 px whose orientation tag says a number."""
    pixels = np.random.default_rng(orientation).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    given = Image.Exif()
    given[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, exif=exif or given)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pil_turns_it(kind, orientation):
    data = turned(kind, orientation)
    theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    ours = pixels.as_rgb(pixels.opened(data))
    assert theirs.size == ((20, 30) if orientation < 5 else (30, 20))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def exif_of(*entries, magic=b"II*\0"):
    """EXIF as bytes, little-endian: entries of tag, type (2 text, 3 uint16) and value."""
    listed = b"".join(struct.pack("<HHI4s", tag, kind, 1, value) for tag, kind, value in entries)
    head = magic + struct.pack("<IH", 8, len(entries))
    return b"Exif\0\0" + head + listed + struct.pack("<I", 0)


def test_a_malformed_tag_beside_the_orientation_spoils_no_image(folder):
    """A real telephone wrote one: PIL reads it, but cannot write it again."""
    odd = exif_of((0x0103, 2, b"6\0\0\0"), (0x0112, 3, b"\6\0\0\0"))
    data = turned("JPEG", 6, odd)
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    upright = np.rot90(np.asarray(Image.open(io.BytesIO(data))), -1)
    ours = pixels.as_rgb(pixels.opened(data))
    assert np.array_equal(np.asarray(ours), upright)
    (folder / "train" / "2" / "1.png").write_bytes(data)
    for on_bad in ("error", "skip"):
        pool = rdc.load(f"folder:{folder}", size=16, on_bad=on_bad).train
        assert pool.provenance["skipped"] == 0


def test_an_image_whose_exif_cannot_be_read_stands_as_it_is():
    data = turned("PNG", 6, exif_of((0x0112, 3, b"\6\0\0\0"), magic=b"none"))
    with pytest.raises(SyntaxError):
        Image.open(io.BytesIO(data)).getexif()
    ours = pixels.as_rgb(pixels.opened(data))
    assert np.array_equal(np.asarray(ours), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path, ending):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(ramp).save(path)
    assert np.array_equal(pixels.square(path, 16)[0].ravel(), np.arange(256))
    eight = Image.fromarray((ramp // 257).astype(np.int32), mode="I")
    assert np.array_equal(np.asarray(pixels.as_rgb(eight, 255))[..., 0].ravel(), np.arange(256))


def test_more_than_16_bits_have_no_scale():
    for value in (-5, 65536):
        with pytest.raises(ValueError, match=f"from {value} to {value}, and 16 bits are 0 to"):
            pixels.as_rgb(Image.fromarray(np.full((16, 16), value, np.int32)))


def test_floats_are_taken_only_where_their_scale_is_known():
    unit = Image.fromarray(np.full((16, 16), 0.5, np.float32))
    assert np.asarray(pixels.as_rgb(unit)).mean() == pytest.approx(128, abs=1)
    with pytest.raises(ValueError, match=r"floats beyond 0\.\.1"):
        pixels.as_rgb(Image.fromarray(np.full((16, 16), 200, np.float32)))
