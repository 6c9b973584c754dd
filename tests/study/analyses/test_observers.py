"""Observers: what they are shown, whose classes they know, and what a teacher's answers tell."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision

import rdc_kit as rdc
from rdc_kit.data.imagesets import IMAGENET_MEAN, IMAGENET_STD, Traits
from rdc_kit.ground.device import Runtime
from rdc_kit.study.analyses import entropy, observers

from ...conftest import colour_blocks
from ..conftest import EXACT, small_setup
from .conftest import Colours, named_setup


def test_an_observer_finds_the_pools_classes_among_its_own_by_name():
    known = ["apple", "French horn", "gas pump"]
    assert observers.columns_of(["gas_pump", "french horn"], known).tolist() == [2, 1]
    assert observers.columns_of(["gas pump", "pear"], known) is None
    assert observers.columns_of(["pear", "plum", "fig"], known) is None  # as many, but others
    assert observers.columns_of(known, known).tolist() == [0, 1, 2]
    assert observers.columns_of(known[::-1], known).tolist() == [2, 1, 0]


def imagenets_categories():
    weights = torchvision.models.get_model_weights(observers.PRETRAINED)["IMAGENET1K_V1"]
    return weights.meta["categories"]


def test_a_thousand_classes_are_imagenets_only_by_name_by_id_or_by_source():
    """Any pool of 1000 classes was taken for ImageNet-1K in order: each answer a wrong class's."""
    known, in_order = imagenets_categories(), list(range(1000))
    numbers = [str(k) for k in in_order]
    ids = ["n01440764", *(f"n{2_000_000 + k:08}" for k in range(998)), "n15075141"]
    assert observers.columns_of([f"made up {k}" for k in in_order], known) is None
    assert observers.columns_of(numbers, known, "parquet:some") is None
    assert observers.columns_of(ids[::-1], known) is None
    assert observers.columns_of([*ids[:-1], "n15099999"], known) is None
    for names, source in (
        (known, ""),  # two of them are alike but for a capital
        (ids, "folder:imagenet"),
        (numbers, "imagenet-1k"),
        (numbers, "hub:ILSVRC/imagenet-1k"),
        (numbers, "hub:he-yang/2025-rethinkdc-imagenet-random-ipc-10"),
    ):
        assert observers.columns_of(names, known, source).tolist() == in_order
    assert observers.columns_of(numbers[:10], known, "imagenet-1k") is None


def test_the_pools_source_says_that_its_classes_are_imagenets(fresh_home, monkeypatch):
    monkeypatch.setattr(
        torchvision.models, "get_model", lambda name, weights: Colours(classes=1000)
    )
    setup = named_setup(tuple(f"synset {k}" for k in range(1000)))
    pool = replace(setup.pool, provenance={"source": "imagenet-1k"})
    found = observers.observer_for(replace(setup, pool=pool))
    assert found.pretrained
    assert found.columns.tolist() == list(range(1000))


def test_the_pretrained_observer_gets_what_its_weights_expect(exact):
    """Inputs at 224 px, normalised as ImageNet's, whatever the source's own normalisation."""
    model = Colours(classes=1000)
    traits = Traits(size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    columns = torch.tensor([5, 7])
    own = observers.Observer((model,), "pretrained", exact, columns, pretrained=True)
    pixels = torch.full((2, 3, 8, 8), 204, dtype=torch.uint8)  # 0.8 of white
    pool = rdc.from_tensors(pixels, torch.tensor([0, 1]), traits=traits)
    entropy.entropy_and_nll(pool, own)
    (seen,) = model.seen
    assert seen.shape == (2, 3, 224, 224)
    expected = (0.8 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(seen[0].mean((1, 2)), expected)
    assert own.targets(pool.labels).tolist() == [5, 7]


def test_weights_that_cannot_be_had_give_a_network_of_the_kits(fresh_home, monkeypatch):
    def offline(name, weights):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    setup = named_setup(("church", "parachute", "gas pump"))
    found = observers.observer_for(setup)
    assert found.name != setup.networks()[0]  # not the teacher that distilled sets were made for
    assert not found.pretrained
    monkeypatch.setattr(
        torchvision.models, "get_model", lambda name, weights: Colours(classes=1000)
    )
    found = observers.observer_for(setup)
    assert found.name == "efficientnet_b0, pretrained"
    assert found.columns.tolist() == [497, 701, 571]
    assert not observers.observer_for(named_setup(("a", "b", "c"))).pretrained


def test_observers_compute_in_fp32_whatever_the_runtime(fresh_home, blocks, exact):
    rounded = Runtime(torch.device("cpu"), "bf16", channels_last=True)
    teacher = rdc.squeeze(colour_blocks(30), epochs=6, runtime=exact)
    one, two = (
        entropy.entropy_and_nll(blocks, observers.from_teacher(teacher, r))
        for r in (exact, rounded)
    )
    np.testing.assert_allclose(one["entropy"], two["entropy"], rtol=1e-4, atol=1e-6)


def test_an_ensemble_answers_with_its_mean_logit(exact, blocks):
    inputs = torch.rand(4, 3, 16, 16)
    both = observers.Observer((Colours(1.0), Colours(3.0)), "two", exact)
    torch.testing.assert_close(both.logits(inputs, blocks.traits), 2 * inputs.mean((2, 3)))


def test_a_teachers_answers_are_summed_up_as_written(fresh_home):
    setup = small_setup()
    teacher = setup.teacher_of()
    found = observers.answers(teacher, {"pool": setup.pool, "one": setup.pool[[0, 0]]}, EXACT)
    assert found.loc["pool", "classes"] == 3
    assert found.loc["pool", "right"] == pytest.approx(teacher.pool_top1)
    assert found.loc["one", ["classes", "spread"]].tolist() == [1, 0]
    assert 1 / 3 <= found.loc["one", "sure"] <= 1


def test_the_pretrained_observer_enlarges_no_more_than_it_looks_at(exact, monkeypatch):
    seen = []
    real = observers.F.interpolate

    def interpolate(inputs, *rest, **more):
        seen.append(len(inputs))
        return real(inputs, *rest, **more)

    model = Colours(classes=3)
    own = observers.Observer((model,), "pretrained", exact, torch.arange(3), pretrained=True)
    inputs = torch.rand(observers._BATCH + 5, 3, 4, 4)
    monkeypatch.setattr(observers.F, "interpolate", interpolate)
    assert len(own.logits(inputs, Traits(size=4))) == len(inputs)
    assert seen == [observers._BATCH, 5]
