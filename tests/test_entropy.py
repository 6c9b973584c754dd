"""Entropy under an observer: known answers, an outside reference, the paper's statements."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats as reference
from torch import nn

import rdc_kit as rdc
from rdc_kit.data.imagesets import IMAGENET_MEAN, IMAGENET_STD, Traits
from rdc_kit.ground.runtime import Runtime
from rdc_kit.study.analyses import entropy, observers
from rdc_kit.study.figures import entropy as entropy_figures
from rdc_kit.study.grid import experiments

from .conftest import colour_blocks


class Colours(nn.Module):
    """An observer whose logits are the mean of each colour channel."""

    def __init__(self, gain=1.0, classes=3):
        super().__init__()
        self.gain, self.classes, self.seen = gain, classes, []

    def forward(self, inputs):
        self.seen.append(inputs)
        means = inputs.mean((2, 3)) * self.gain
        return torch.cat([means, torch.zeros(len(inputs), self.classes - 3)], 1)


@pytest.fixture
def observer(exact):
    return observers.Observer((Colours(3.0),), "colours", exact)


def test_entropy_of_known_answers():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [50.0, 0.0, 0.0, 0.0]])
    assert entropy.shannon(logits).tolist() == pytest.approx([math.log(4), 0.0], abs=1e-6)
    drawn = torch.randn(20, 7)
    expected = reference.entropy(drawn.softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(entropy.shannon(drawn), expected, rtol=1e-5)


def test_the_worked_example_is_the_published_one():
    shown = entropy.counter_example()
    assert shown["NLL"].tolist() == pytest.approx([1.204, 0.916], abs=5e-4)
    assert shown["entropy"].tolist() == pytest.approx([0.611, 1.089], abs=5e-4)


def test_an_observer_finds_the_pools_classes_among_its_own_by_name():
    known = ["apple", "French horn", "gas pump"]
    assert observers.columns_of(["gas_pump", "french horn"], known).tolist() == [2, 1]
    assert observers.columns_of(["gas pump", "pear"], known) is None
    assert observers.columns_of(["a", "b", "c"], known).tolist() == [0, 1, 2]


def test_the_pretrained_observer_gets_what_its_weights_expect(exact):
    """Inputs at 224 px, normalised as ImageNet's, whatever the source's own normalisation."""
    model = Colours(classes=1000)
    traits = Traits(size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    columns = torch.tensor([5, 7])
    own = observers.Observer((model,), "pretrained", exact, columns, pretrained=True)
    pixels = torch.full((2, 3, 8, 8), 204, dtype=torch.uint8)  # 0.8 of white
    pool = rdc.from_tensors(pixels, torch.tensor([0, 1]), traits=traits)
    entropy.measure(pool, own)
    (seen,) = model.seen
    assert seen.shape == (2, 3, 224, 224)
    expected = (0.8 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(seen[0].mean((1, 2)), expected)
    assert own.targets(pool.labels).tolist() == [5, 7]


def _bench(names, exact):
    pool, test = colour_blocks(30), colour_blocks(10, seed=0)
    pool, test = (
        rdc.from_tensors(s.images, s.labels, names, traits=s.traits) for s in (pool, test)
    )
    return experiments.Bench(pool, test, exact, teacher_epochs=6)


def test_weights_that_cannot_be_had_give_a_network_of_the_kits(fresh_home, exact, monkeypatch):
    def offline(name, weights):
        raise OSError("no route to host")

    monkeypatch.setattr(observers.torchvision.models, "get_model", offline)
    bench = _bench(("church", "parachute", "gas pump"), exact)
    found = observers.observer_for(bench)
    assert found.name != bench.networks()[0]  # not the teacher that distilled sets were made for
    assert not found.pretrained
    monkeypatch.setattr(
        observers.torchvision.models, "get_model", lambda name, weights: Colours(classes=1000)
    )
    found = observers.observer_for(bench)
    assert found.name == "efficientnet_b0, pretrained"
    assert found.columns.tolist() == [497, 701, 571]
    assert not observers.observer_for(_bench(("a", "b", "c"), exact)).pretrained


def test_measuring_stored_images_asks_the_observer_of_the_plain_image(blocks, observer):
    found = entropy.measure(blocks, observer)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (blocks.traits.mean, blocks.traits.std))
    logits = 3 * ((blocks.images / 255 - mean) / std).mean((2, 3))
    expected = reference.entropy(logits.softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(found["entropy"], expected, rtol=1e-4)
    own = logits.log_softmax(1).gather(1, blocks.labels[:, None]).squeeze(1)
    np.testing.assert_allclose(found["nll"], -own, rtol=1e-4, atol=1e-5)


def test_extracted_views_of_plain_cells_are_as_sure_as_the_cells(exact):
    """Cells of one strong colour each: inside a cell certain, over the whole in doubt."""
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    for k in range(3):
        images[k, k] = 255
    traits = Traits(size=16, flip=False, min_crop=0.9)
    cells = torch.cat([images[:1], images[1:2], images[2:3], images[:1]])
    pool = rdc.from_tensors(cells, torch.zeros(4, dtype=torch.long), ("all",), traits=traits)
    stored = rdc.combine(pool, grid=2)
    observer = observers.Observer((Colours(3.0),), "colours", exact)
    sure, doubt = (entropy.measure(stored, observer, v)["entropy"][0] for v in ("cell", "whole"))
    assert sure < 0.01 < 0.4 < doubt
    again = entropy.measure(stored, observer, "cell", seed=3)
    assert again.equals(entropy.measure(stored, observer, "cell", seed=3))


def test_the_chosen_crop_is_the_likeliest_and_brings_its_own_entropy(observer):
    pool = colour_blocks(40, classes=2)
    two = observers.Observer((_TwoClasses(),), "two", observer.runtime)
    many, one = (entropy.selective_crops(pool, two, crops, seed=1) for crops in (8, 1))
    assert many["nll_crop"].mean() < one["nll_crop"].mean()
    own = np.exp(-many["nll_crop"])  # with two classes NLL tells the entropy
    expected = reference.entropy(np.stack([own, 1 - own]), axis=0)
    np.testing.assert_allclose(many["entropy_crop"], expected, atol=1e-4)
    few = entropy.selective_crops(pool, two, 2, count=5)
    assert len(few) == 5


class _TwoClasses(nn.Module):
    def forward(self, inputs):
        return torch.stack([inputs[:, 0].mean((1, 2)), inputs[:, 1].mean((1, 2))], 1)


def test_images_that_went_against_each_other_are_counted_by_seed():
    found = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "nll": [1.0, 1.0, 1.0, 1.0],
            "nll_crop": [0.5, 0.5, 2.0, 0.5],
            "entropy": [0.2, 0.2, 0.2, 0.2],
            "entropy_crop": [0.3, 0.1, 0.3, 0.2],
        }
    )
    table = entropy.likelier_and_less_sure(found)
    assert table["share"].tolist() == [50.0, 0.0]
    assert table["images"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ([1, 1, -1], 0.75),
        ([-1, -1, -1], math.nan),
        ([-1, 3, -1], 0.875),
        ([-1, -1, 0], 1.0),
    ],
)
def test_the_last_crossing_is_found_between_the_ratios(difference, expected):
    found = entropy.crossing(np.array([0.25, 0.5, 1.0]), np.array(difference, float))
    assert found == pytest.approx(expected, nan_ok=True)


def _curve(simple):
    """D has entropy r; D' has what is given at each ratio; a little noise from image to image."""
    draw = np.random.default_rng(0)
    ratios = [0.25, 0.5, 1.0]
    return pd.concat(
        pd.DataFrame({"set": name, "seed": 0, "image": range(40), "r": r}).assign(
            entropy=value + draw.normal(0, 0.02, 40)
        )
        for name, values in (("D", ratios), ("D'", simple))
        for r, value in zip(ratios, values, strict=True)
    )


def test_the_critical_ratio_lies_in_its_interval_or_does_not_exist():
    found = entropy.critical_ratio(_curve([0.45, 0.6, 0.8]), "D'", "D")
    assert found["r"] == pytest.approx(2 / 3, abs=0.03)
    assert found["low"] < found["r"] < found["high"]
    assert found["high"] - found["low"] < 0.1
    assert found["share"] == 1
    assert found["gap"] == pytest.approx(-0.2, abs=0.02)
    never = entropy.critical_ratio(_curve([0.1, 0.2, 0.3]), "D'", "D")
    assert math.isnan(never["r"])
    assert never["share"] == 0
    with pytest.raises(rdc.DataError, match="no set 'X': D, D'"):
        entropy.critical_ratio(_curve([1, 1, 1]), "X", "D")


def test_a_curve_falls_to_certainty_where_crops_show_one_colour(exact):
    """Half red, half green: small crops lie in one half, large ones see both."""
    images = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, :, :16] = 255
    images[:, 1, :, 16:] = 255
    traits = Traits(size=32, flip=False, min_crop=0.1)
    pool = rdc.from_tensors(images, torch.zeros(6, dtype=torch.long), ("all",), traits=traits)
    observer = observers.Observer((Colours(4.0),), "colours", exact)
    curve = entropy.entropy_curve({"halves": pool}, observer, (0.02, 1.0), draws=10)
    means = curve.groupby("r")["entropy"].mean()
    assert means[0.02] < 0.25 < 0.6 < means[1.0]
    figure = entropy_figures.curve_figure(_curve([0.45, 0.6, 0.8]), {}, "D")
    assert figure.axes[0].get_legend_handles_labels()[1] == ["D"]


def test_a_table_of_sets_has_a_row_for_each_and_draws_each(fresh_home, exact):
    bench = _bench(("a", "b", "c"), exact)
    arms = [experiments.Arm(name, name) for name in ("random", "noise", "pca")]
    cells = experiments.arm_cells(arms, bench, 2, 2)
    observer = observers.Observer((Colours(3.0),), "colours", exact)
    table = entropy.entropy_of_sets(cells, bench, observer)
    assert table["method"].tolist() == ["random", "noise", "pca"] * 2
    assert (table[["stored", "seen"]] >= 0).all(axis=None)
    assert (table[["stored", "seen"]] <= math.log(3) + 1e-6).all(axis=None)
    sets = {cell.arm.method: bench.make_set(cell) for cell in cells}
    left, right = entropy_figures.entropy_figure(table, sets).axes
    lines = [label.get_text() for label in left.get_yticklabels()]
    means = table.groupby("method")["stored"].mean().sort_values()
    names = {"random": "Random", "noise": "noise (control)", "pca": "PCA"}
    assert lines == [names[m] for m in means.index]
    assert len(right.get_yticks()) == 3


def test_observers_compute_in_fp32_whatever_the_runtime(fresh_home, blocks, exact):
    rounded = Runtime(torch.device("cpu"), "bf16", channels_last=True)
    teacher = rdc.squeeze(colour_blocks(30), epochs=6, runtime=exact)
    one, two = (
        entropy.measure(blocks, observers.from_teacher(teacher, r)) for r in (exact, rounded)
    )
    np.testing.assert_allclose(one["entropy"], two["entropy"], rtol=1e-4, atol=1e-6)
