"""Views: what training sees."""

import pytest
import torch

from rdc_kit.augment import views
from rdc_kit.augment.boxes import cell_boxes
from rdc_kit.data.imagesets import Traits

PLAIN = Traits(mean=(0.0, 0.0, 0.0), std=(1 / 255,) * 3)  # normalising changes nothing


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def painted(size, grid, count=1):
    """Every cell of a grid has its own grey level: 10, 20, 30, ..."""
    images = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    for k, (y, x, h, w) in enumerate(cell_boxes(size, grid).tolist()):
        images[:, :, y : y + h, x : x + w] = 10 * (k + 1)
    return images


@pytest.mark.parametrize(("size", "grid"), [(32, 2), (33, 2), (50, 3), (40, (1, 3)), (17, (4, 2))])
def test_an_extracted_view_lies_in_exactly_one_cell(size, grid):
    see = views.make_view(PLAIN, size, view="cell", grid=grid)
    inputs, _ = see(painted(size, grid, 200), torch.zeros(200, dtype=torch.long), generator())
    flat = inputs.flatten(1)
    assert (flat.max(1).values - flat.min(1).values).abs().max() < 1e-3
    levels = {round(float(value)) for value in flat[:, 0]}
    assert levels == {10 * (k + 1) for k in range(len(cell_boxes(size, grid)))}


def test_a_whole_view_of_a_composite_spans_cells():
    see = views.make_view(PLAIN, 32, view="whole", grid=2, scale=(0.5, 1.0))
    inputs, _ = see(painted(32, 2, 50), torch.zeros(50, dtype=torch.long), generator())
    spread = inputs.flatten(1).max(1).values - inputs.flatten(1).min(1).values
    assert (spread > 5).all()


@pytest.mark.parametrize(("full", "expected"), [(False, 4), (True, 24)])
def test_shuffling_reaches_the_arrangements_it_should(full, expected):
    images = painted(8, 2, 600)
    shuffled = views.shuffle_cells(images, 2, generator(), full=full)
    corners = shuffled[:, 0, ::4, ::4].flatten(1)
    seen = {tuple(row) for row in corners.tolist()}
    assert len(seen) == expected
    assert all(sorted(row) == [10, 20, 30, 40] for row in seen)
    if not full:  # rows move as rows: what was side by side stays side by side
        assert all({row[0], row[1]} in ({10, 20}, {30, 40}) for row in seen)


def test_shuffling_moves_cells_without_changing_them():
    images = torch.randint(0, 256, (5, 3, 12, 12), dtype=torch.uint8, generator=generator())
    shuffled = views.shuffle_cells(images, 3, generator(1), full=True)
    boxes = cell_boxes(12, 3).tolist()

    def cells(image):
        return sorted(image[:, y : y + h, x : x + w].flatten().tolist() for y, x, h, w in boxes)

    for before, after in zip(images, shuffled, strict=True):
        assert cells(before) == cells(after)


def test_shuffling_works_where_the_grid_does_not_divide_the_size():
    shuffled = views.shuffle_cells(painted(11, 3, 40), 3, generator(), full=True)
    for image in shuffled[:, 0]:
        for y, x, h, w in cell_boxes(11, 3).tolist():
            assert image[y : y + h, x : x + w].unique().numel() == 1


def test_no_flip_for_a_source_whose_labels_it_would_change():
    ramp = torch.arange(16, dtype=torch.uint8).mul(16).expand(64, 3, 16, 16)
    labels = torch.zeros(64, dtype=torch.long)
    for flips in (True, False):
        traits = Traits(flip=flips, mean=PLAIN.mean, std=PLAIN.std)
        inputs, _ = views.make_view(traits, 16, scale=(0.3, 1.0))(ramp, labels, generator())
        rising = inputs[:, 0, 0, -1] > inputs[:, 0, 0, 0]
        assert bool(rising.all()) is not flips
        assert bool(rising.any())


def test_normalise_is_torchvisions():
    from torchvision.transforms.v2 import functional as reference

    traits = Traits()
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=generator())
    theirs = reference.normalize(images.float() / 255, list(traits.mean), list(traits.std))
    assert torch.allclose(views.plain_view(images, traits), theirs, atol=1e-5)


def test_cutout_blanks_one_square_per_image_at_its_own_place():
    inputs = views.blank_squares(torch.ones(200, 3, 32, 32), 0.5, generator())
    blank = inputs[:, 0] == 0
    assert torch.equal(inputs[:, 0], inputs[:, 1])
    areas = blank.flatten(1).sum(1)
    assert areas.max() == 16 * 16
    assert areas.min() >= 8 * 8 - 16  # a quarter is left when the centre is in a corner
    assert len({tuple(map(tuple, b.nonzero().tolist())) for b in blank[:20]}) > 15


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_images_have_mixed_targets(mix):
    """Class k is painted with grey level k, so the target's mean class is the image's mean."""
    labels = torch.arange(10)
    images = labels.view(10, 1, 1, 1).expand(10, 3, 16, 16).to(torch.uint8)
    see = views.make_view(PLAIN, 16, mix=mix, num_classes=10, flip=False)
    for seed in range(10):
        inputs, targets = see(images, labels, generator(seed))
        assert targets.shape == (10, 10)
        assert torch.allclose(targets.sum(1), torch.ones(10), atol=1e-5)
        mean_class = targets @ torch.arange(10.0)
        assert torch.allclose(inputs.mean((1, 2, 3)), mean_class, atol=1e-3)
    assert not torch.equal(targets.argmax(1), labels) or (targets.max(1).values < 1).any()


def test_mixing_weights_are_beta_distributed():
    from scipy import stats

    draw = generator()
    weights = [float(views._beta(0.4, draw)) for _ in range(1500)]
    assert stats.kstest(weights, stats.beta(0.4, 0.4).cdf).pvalue > 0.001


def test_the_same_generator_gives_the_same_view():
    see = views.make_view(Traits(), 16, cutout=0.3, mix="cutmix", num_classes=3)
    images = torch.randint(0, 256, (9, 3, 16, 16), dtype=torch.uint8, generator=generator())
    labels = torch.arange(9) % 3
    first, again = see(images, labels, generator(7)), see(images, labels, generator(7))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "cells"}, "unknown view 'cells'"),
        ({"mix": "cutmx"}, "unknown mix 'cutmx'"),
        ({"scale": (0.0, 1.0)}, "crop scale"),
        ({"scale": (0.1, 0.5, 1.0)}, "crop scale"),
        ({"size": 0}, "size must be a whole number of at least 1, got 0"),
        ({"mix_alpha": 0.0}, "mix_alpha must be a number above 0"),
        ({"mix_alpha": float("nan")}, "mix_alpha must be a number above 0, got nan"),
        ({"cutout": 1.5}, "cutout"),
        ({"mix": "mixup"}, "num_classes"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        views.make_view(Traits(), **{"size": 16} | options)


def test_what_training_sees_becomes_pixels_again():
    traits = Traits(size=4, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    inputs = torch.tensor([0.0, 1.0, -1.0]).view(1, 3, 1, 1)
    found = views.denormalised(inputs, traits)
    assert found.flatten().tolist() == pytest.approx([0.5 * 255, 0.6 * 255, 0.2 * 255])
    assert torch.allclose(views.normalise(found, traits), inputs, atol=1e-5)
