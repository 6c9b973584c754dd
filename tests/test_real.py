"""Real images, where a local copy is: RDC_DATA=... ; skipped elsewhere."""

import pytest

import rdc_kit as rdc
from rdc_kit.ground.runtime import local_copies


def _has_imagenette():
    copies = local_copies()
    return copies is not None and (copies / "imagenette").is_dir()


pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not _has_imagenette(), reason="RDC_DATA holds no imagenette"),
]


def test_imagenette_loads_offline():
    pool, test = rdc.load("imagenette", size=32)
    assert (len(pool), len(test)) == (9469, 3925)
    assert pool.classes[0] == "tench"
    assert pool.classes[-1] == "parachute"
    assert pool.counts().min() > 850
    assert pool.provenance["label_column"] == "label"
    mean = pool.images.float().mean((0, 2, 3)) / 255
    assert ((mean - rdc.Traits().mean[0]).abs() < 0.06).all()
