"""Fixtures and helpers that tests of several rooms share."""

import errno
import os

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode

import rdc_kit as rdc
from rdc_kit.augment import views
from rdc_kit.data.imagesets import ImageSet, Traits
from rdc_kit.ground.device import Runtime
from rdc_kit.train.teachers import Teacher, squeeze

os.environ["RDC_INTERACTIVE"] = "0"


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Every test session keeps its data apart from the user's; one folder serves all tests."""
    folder = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("RDC_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def own_style():
    """The look that one test takes on is not the next one's."""
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def fresh_home(tmp_path, monkeypatch):
    """A home of its own, for tests that look at what is on disk."""
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def exact():
    """The CPU in fp32: the mode in which results are bitwise repeatable."""
    return Runtime(torch.device("cpu"), "fp32", channels_last=False)


@pytest.fixture
def digits():
    return rdc.load("digits")


def colour_blocks(per_class=6, classes=3, size=16, seed=0):
    """A pool that is easy to learn: each class is a colour, plus noise."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(classes).repeat(per_class)
    colours = torch.randint(40, 215, (classes, 3, 1, 1), generator=draw)
    noise = torch.randint(-30, 31, (len(labels), 3, size, size), generator=draw)
    images = (colours[labels] + noise).clamp(0, 255).to(torch.uint8)
    traits = Traits(size=size, flip=True, min_crop=0.5, student="convnet2-w8")
    return rdc.from_tensors(images, labels, traits=traits, provenance={"source": "blocks"})


@pytest.fixture
def blocks() -> ImageSet:
    return colour_blocks()


@pytest.fixture
def teacher(blocks, exact) -> Teacher:
    return squeeze(blocks, epochs=20, runtime=exact)


def picture(path, seed, size=(40, 30), mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def closed(folder, monkeypatch, number=errno.EACCES):
    """Have a folder that cannot be listed, for root too."""
    real = os.scandir

    def refuse(path="."):
        if os.fspath(path) == str(folder):
            raise OSError(number, os.strerror(number), str(folder))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.fixture
def pretended(monkeypatch):
    """A GPU that is only pretended, with everything on it from the start.

    Fake tensors carry a device and a shape but no numbers, so mixing devices raises, and so does
    reading a number back. Their backward pass needs a real GPU.
    """
    caches = [value for value in vars(views).values() if hasattr(value, "cache_clear")]
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)
    for constants in caches:  # no fake tensor may be left in them for other tests
        constants.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=False):
        yield Runtime(torch.device("cuda"), "fp32", channels_last=False)
    for constants in caches:
        constants.cache_clear()


def fake_set():
    """Blocks without numbers, on the host, where a set is before training."""
    labels = torch.zeros(18, dtype=torch.int64)
    traits = Traits(size=16, min_crop=0.5, student="convnet2-w8")
    pixels = torch.zeros(18, 3, 16, 16, dtype=torch.uint8)
    return ImageSet(pixels, labels, ("a", "b", "c"), torch.arange(18), traits)
