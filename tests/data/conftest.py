"""Folders, parquet files and errors that several tests of this room use."""

import io

import numpy as np
import pytest
from PIL import Image

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError

from ..conftest import picture


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


def _value(kind):
    import datasets

    return datasets.Value(kind)


def refuses(name, *parts, **options):
    with pytest.raises(DataError) as caught:
        rdc.load(name, **options)
    for part in parts:
        assert part in str(caught.value)
