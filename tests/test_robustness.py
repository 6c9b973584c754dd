"""Stress: corruptions against their formulas, the attack's bounds, rows that are made once."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from rdc_kit.augment.views import plain_view
from rdc_kit.ground.runtime import generator
from rdc_kit.study.analyses import robustness
from rdc_kit.study.analyses.corruptions import CORRUPTIONS, LEVELS
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Bench
from rdc_kit.train import protocols
from rdc_kit.train.training import fit

from .conftest import colour_blocks

QUICK = protocols.hard(epochs=12, lr=3e-3)


@pytest.fixture
def images():
    """Smooth uint8 images [4, 3, 32, 32] with all brightnesses in them."""
    draw = torch.Generator().manual_seed(5)
    coarse = torch.rand(4, 3, 6, 6, generator=draw)
    fine = F.interpolate(coarse, size=32, mode="bicubic", align_corners=True)
    return (fine.clamp(0, 1) * 255).to(torch.uint8)


def corrupt(name, images, severity=3, seed=0):
    return CORRUPTIONS[name](images, severity, generator(seed, "test"))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_repeat_and_grow_with_severity(name, images):
    before = images.clone()
    errors = []
    for severity in range(1, 6):
        found = corrupt(name, images, severity)
        assert found.dtype == torch.uint8
        assert found.shape == images.shape
        assert torch.equal(found, corrupt(name, images, severity))
        errors.append((found.float() - images).square().mean().item())
    assert torch.equal(images, before)
    assert errors[0] > 0
    assert errors == sorted(errors)


@pytest.mark.parametrize("severity", [0, 6])
def test_severities_end_at_five(images, severity):
    with pytest.raises(ValueError, match=f"severity must be 1 to 5, got {severity}"):
        corrupt("jpeg", images, severity)


def test_noise_has_the_stated_spread_and_hangs_on_the_seed():
    grey = torch.full((20, 3, 32, 32), 102, dtype=torch.uint8)  # 0.4
    normal = corrupt("gaussian_noise", grey) / 255
    assert normal.mean() == pytest.approx(0.4, abs=2e-3)
    assert normal.std() == pytest.approx(0.08, rel=0.02)
    poisson = corrupt("shot_noise", grey) / 255
    assert poisson.mean() == pytest.approx(0.4, abs=2e-3)
    assert poisson.std() == pytest.approx((0.4 / 100) ** 0.5, rel=0.02)
    for name in ("gaussian_noise", "shot_noise"):
        assert not torch.equal(corrupt(name, grey), corrupt(name, grey, seed=1))


@pytest.mark.parametrize("size", [32, 64])
def test_blur_is_scipys_and_grows_with_the_side(images, size):
    images = F.interpolate(images.float(), size=size).to(torch.uint8)
    sigma = LEVELS["gaussian_blur"][4] * size / 32
    pixels = images.numpy() / 255
    expected = ndimage.gaussian_filter(pixels, sigma, axes=(2, 3), mode="nearest", truncate=4)
    found = corrupt("gaussian_blur", images, 5).numpy()
    assert np.abs(found - expected * 255).max() < 0.51


def test_brightness_lifts_the_value_and_keeps_hue_and_saturation(images):
    def hsv(batch):
        arrays = batch.permute(0, 2, 3, 1).numpy().reshape(-1, 3) / 255
        low, high = arrays.min(1), arrays.max(1)
        return (arrays - low[:, None]) / np.maximum(high - low, 1e-9)[:, None], low, high

    found = corrupt("brightness", images)
    (hue, low, high), (new_hue, new_low, new_high) = hsv(images), hsv(found)
    assert np.allclose(new_high, np.minimum(high + 0.15, 1), atol=0.003)
    lit = high > 0.2  # darker colours are rounded too coarsely to be compared
    assert np.allclose((new_low / new_high)[lit], (low / high)[lit], atol=0.02)
    strong = high - low > 0.2
    assert np.allclose(new_hue[strong], hue[strong], atol=0.02)
    black = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    assert corrupt("brightness", black).unique().tolist() == [round(0.15 * 255)]


def test_contrast_scales_the_distance_to_each_mean(images):
    found, pixels = corrupt("contrast", images).float(), images.float()
    mean = pixels.mean((2, 3), keepdim=True)
    assert (found - (mean + 0.4 * (pixels - mean))).abs().max() <= 0.51


def test_pixelate_of_half_a_side_would_be_blocks(images, monkeypatch):
    monkeypatch.setitem(LEVELS, "pixelate", (0.5,) * 5)
    means = F.avg_pool2d(images.float(), 2)
    blocks = means.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (corrupt("pixelate", images).float() - blocks).abs().max() <= 1  # it rounds per axis


def test_jpeg_is_a_file_of_that_quality(images):
    written = io.BytesIO()
    Image.fromarray(images[1].permute(1, 2, 0).numpy()).save(written, "JPEG", quality=58)
    expected = np.asarray(Image.open(written)).transpose(2, 0, 1)
    assert np.array_equal(corrupt("jpeg", images)[1].numpy(), expected)


@pytest.fixture(scope="module")
def trained():
    """A tiny network on colours under heavy noise, and test images that it knows."""
    pool = colour_blocks(per_class=20, classes=4, seed=3)
    model = fit(pool, QUICK, seed=1).model
    model.zero_grad()
    return model, pool


def loss_of(model, pixels, images):
    with torch.no_grad():
        logits = model(plain_view(pixels * 255, images.traits, images.size))
    return F.cross_entropy(logits, images.labels, reduction="none"), logits


def attack(model, images, eps, **settings):
    return robustness.pgd(
        model, images.images, images.labels, images.traits, images.size, eps, **settings
    )


@pytest.mark.parametrize("eps", [2 / 255, 0.1])
def test_pgd_stays_near_and_harms(trained, eps):
    model, images = trained
    clean = images.images / 255
    found = attack(model, images, eps, draws=generator(0, "start"))
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert (found - clean).abs().max() <= eps + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    before, after = (loss_of(model, pixels, images)[0] for pixels in (clean, found))
    assert (after >= before - 1e-5).all()
    assert after.mean() > before.mean() * 1.05
    assert all(p.grad is None for p in model.parameters())


def test_pgd_makes_accuracy_fall(trained):
    model, images = trained
    right = [
        (loss_of(model, pixels, images)[1].argmax(1) == images.labels).float().mean().item()
        for pixels in (images.images / 255, attack(model, images, 0.2))
    ]
    assert right[0] > 0.9
    assert right[1] < 0.5


def test_pgd_of_nothing_gives_the_images_back(trained):
    model, images = trained
    found = attack(model, images, 0.0, draws=generator(0, "start"))
    assert torch.equal(found, images.images / 255)


def test_pgd_hangs_on_its_start_alone_and_asks_in_eval_mode(trained):
    model, images = trained
    one, again = (attack(model.train(), images, 0.1, draws=generator(0, "a")) for _ in range(2))
    assert torch.equal(one, again)
    assert not model.training
    assert not torch.equal(one, attack(model, images, 0.1, draws=generator(0, "b")))


def test_measure_knows_the_worst_class():
    """A network that always says class 1 gets all of it and nothing of the others."""
    images = colour_blocks(per_class=5, classes=4)

    class Stubborn(torch.nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs.flatten(1)[:, :1]) * 0 + torch.tensor([0.0, 1, 0, 0])

    found = robustness.measure(Stubborn(1, 4), images)
    assert found["clean"] == found["corrupted"] == found["pgd"] == found["jpeg"] == 25
    assert (found["worst_class"], found["class_gap"]) == (0, 100)
    assert found["class_sd"] == pytest.approx(100 * (3 / 16) ** 0.5)


def test_stress_is_made_once_and_survives_a_death(fresh_home, blocks, exact, monkeypatch):
    test = colour_blocks(per_class=10)

    def dies(*arguments, **settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(robustness, "measure", dies)
        with pytest.raises(KeyboardInterrupt):
            robustness.stress(blocks, test, QUICK, runtime=exact)
    row = robustness.stress(blocks, test, QUICK, runtime=exact)
    assert row["clean"] > 90
    assert row["pgd"] <= row["clean"]
    assert row["corrupted"] == pytest.approx(np.mean([row[kind] for kind in CORRUPTIONS]), abs=1e-3)
    assert (row["epochs"], row["steps"], row["images"]) == (12, 24, 30)
    assert not list(fresh_home.rglob("checkpoint.pt"))
    monkeypatch.setattr(robustness, "fit", dies)
    assert robustness.stress(blocks, test, QUICK, runtime=exact) == row
    for other in ({"severity": 4}, {"eps": 0.1}, {"count": 7}, {"seed": 1}):
        with pytest.raises(KeyboardInterrupt):
            robustness.stress(blocks, test, QUICK, runtime=exact, **other)


def test_stress_takes_so_many_images(fresh_home, blocks, exact):
    test = colour_blocks(per_class=10)
    row = robustness.stress(blocks, test, QUICK, runtime=exact, count=7)
    assert row["images"] == 7
    assert row["clean"] * 7 / 100 == pytest.approx(round(row["clean"] * 7 / 100), abs=1e-3)


@pytest.mark.parametrize(
    ("protocol", "settings", "message"),
    [
        (protocols.soft(), {}, "protocol 'soft' has soft labels: a stress test is for"),
        (protocols.hard(), {"severity": 6}, "severity must be 1 to 5, got 6"),
        (protocols.hard(), {"eps": -0.1}, r"eps in 0\.\.1, got 500 and -0\.1"),
        (protocols.hard(), {"count": 0}, "count must be at least 1"),
    ],
)
def test_stress_refuses_before_it_trains(fresh_home, blocks, exact, protocol, settings, message):
    with pytest.raises(ValueError, match=message):
        robustness.stress(blocks, blocks, protocol, runtime=exact, **settings)
    assert not (fresh_home / "data" / "runs" / "stress").exists()


def test_arms_are_a_tidy_table_and_a_figure(fresh_home, exact):
    bench = Bench(
        colour_blocks(per_class=12), colour_blocks(per_class=6), exact, options={"epochs": 2}
    )
    arms = [
        Arm("random", "random"),
        Arm("random, blanked", "random", recipe={"cutout": 0.5}),
        Arm("combined", "pca", {"grid": 2}, "cell"),
    ]
    table = robustness.stress_arms(arms, bench, 2, seeds=2, protocol=QUICK, severity=1)
    assert list(table) == robustness.COLUMNS
    assert table["arm"].tolist() == [arm.name for arm in arms] * 2
    assert table["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["family"].tolist() == ["baseline", "baseline", "pca"] * 2
    assert table["config_hash"].is_unique
    assert set(table["severity"]) == {1}
    assert set(table["dataset"]) == {"blocks"}
    assert (table["clean"] > 50).all()
    figure = robustness.stress_figure(pd.read_csv(io.StringIO(table.to_csv(index=False))))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        "clean",
        "corrupted, severity 1",
        "PGD, eps = 2/255",
        "worst class, clean",
    ]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == table["arm"][
        :3
    ].tolist()
    assert "n = 2 seeds, 18 test images" in figure.get_suptitle()
    means = table.groupby("arm", sort=False)["pgd"].mean()
    shown = {line.get_xdata()[0] for line in figure.axes[2].lines}
    assert shown == set(means)
