"""Boxes and crops, against torchvision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from rdc_kit.augment.boxes import as_grid, cell_boxes, crop_resize, random_crops, square_crops


def noise(count, size, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=draw)


@pytest.mark.parametrize(
    ("stored", "seen"), [(64, 64), (48, 64), (57, 64), (96, 64), (150, 32), (224, 224)]
)
def test_crop_resize_equals_torchvision(stored, seen):
    images = noise(40, stored)
    draw = torch.Generator().manual_seed(1)
    whole = torch.tensor([[0, 0, stored, stored]]).expand(40, 4)
    boxes = random_crops(whole, (0.02, 1.0), generator=draw)
    boxes[0] = whole[0]
    ours = crop_resize(images, boxes, seen)
    for image, box, mine in zip(images, boxes.tolist(), ours, strict=True):
        theirs = reference.resized_crop(image.float(), *box, [seen, seen], antialias=True)
        assert (mine - theirs).abs().max() <= 0.01


@pytest.mark.parametrize(("stored", "seen"), [(224, 224), (224, 96), (50, 64)])
def test_a_crop_never_reads_outside_its_box(stored, seen):
    """Change every pixel outside the boxes: nothing may change in the crops."""
    images = noise(24, stored)
    cells = cell_boxes(stored, 2).repeat(6, 1)
    boxes = random_crops(cells, (0.08, 1.0), generator=torch.Generator().manual_seed(2))
    other = 255 - images
    for k, (y, x, h, w) in enumerate(boxes.tolist()):
        other[k, :, y : y + h, x : x + w] = images[k, :, y : y + h, x : x + w]
    difference = crop_resize(images, boxes, seen) - crop_resize(other, boxes, seen)
    assert difference.abs().max() <= 0.01  # float rounding of coordinates; a leak is 100 times that


def test_plain_grid_sample_would_fail_that_test():
    """The leak is real: without clamping, a crop of one cell reads its neighbour's border."""
    images = torch.zeros(1, 3, 8, 8)
    images[:, :, :, 4:] = 255
    box = torch.tensor([[0, 0, 4, 4]])
    assert crop_resize(images, box, 8).max() <= 0.01
    at = (torch.arange(8) + 0.5) * 0.5 - 0.5
    at = (2 * at + 1) / 8 - 1
    where = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None]
    leaky = torch.nn.functional.grid_sample(images, where, align_corners=False)
    assert leaky.max() > 50


def test_flip_mirrors_the_crop():
    images = noise(2, 32)
    boxes = torch.tensor([[3, 5, 20, 17], [0, 0, 32, 32]])
    for seen in (32, 16):
        plain = crop_resize(images, boxes, seen)
        flipped = crop_resize(images, boxes, seen, torch.tensor([True, False]))
        assert torch.allclose(flipped[0], plain[0].flip(-1), atol=1e-3)
        assert torch.equal(flipped[1], plain[1])


def test_boxes_follow_torchvisions_distribution():
    count, size = 4000, 64
    whole = torch.tensor([[0, 0, size, size]]).expand(count, 4)
    ours = random_crops(whole, (0.08, 1.0), generator=torch.Generator().manual_seed(3)).double()
    image = torch.zeros(3, size, size)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        theirs = torch.tensor(
            [RandomResizedCrop.get_params(image, [0.08, 1], [3 / 4, 4 / 3]) for _ in range(count)]
        ).double()

    def facts(boxes):
        top, left, high, wide = boxes.unbind(1)
        return {"area": high * wide, "aspect": wide / high, "top": top, "left": left}

    for name, mine in facts(ours).items():
        result = stats.ks_2samp(mine.numpy(), facts(theirs)[name].numpy())
        assert result.pvalue > 0.001, f"{name}: {result}"


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(8, 80),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    low=st.floats(0.01, 1.0),
    seed=st.integers(0, 1000),
)
def test_crops_stay_inside_their_cell(size, grid, low, seed):
    cells = cell_boxes(size, grid)
    crops = random_crops(cells, (low, 1.0), generator=torch.Generator().manual_seed(seed))
    top, left, high, wide = (crops - cells).unbind(1)
    assert (crops[:, 2:] > 0).all()
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + high <= 0).all()  # bottom edge: crop.top + crop.h <= cell.top + cell.h
    assert (left + wide <= 0).all()


def test_no_candidate_fits_falls_back_to_the_largest_centred_box():
    """A strip so thin that no crop of ratio 3/4 to 4/3 with its whole area exists."""
    crops = random_crops(torch.tensor([[0, 0, 8, 64]]), (1.0, 1.0), generator=torch.Generator())
    assert crops.tolist() == [[0, 26, 8, 11]]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(6, 100), grid=st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_cells_tile_the_image(size, grid):
    cover = torch.zeros(size, size, dtype=torch.int64)
    boxes = cell_boxes(size, grid)
    for y, x, h, w in boxes.tolist():
        cover[y : y + h, x : x + w] += 1
    assert (cover == 1).all()
    assert len(boxes) == grid[0] * grid[1]
    assert int(boxes[:, 2].max() - boxes[:, 2].min()) <= 1


@pytest.mark.parametrize("grid", [0, -1, 1.5, (2, 0), [2], True])
def test_a_wrong_grid_is_refused(grid):
    with pytest.raises(ValueError, match="grid must be"):
        as_grid(grid)


def test_a_list_is_a_grid_too():
    assert as_grid([2, 3]) == as_grid((2, 3)) == (2, 3)


def test_a_grid_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="9x9 grid does not fit into images of 8 pixels"):
        as_grid(9, size=8)


def test_square_crops_are_square_inside_and_as_large_as_asked():
    draws = torch.Generator().manual_seed(0)
    boxes = square_crops(noise(50, 32), 4, 0.25, draws)
    assert boxes.shape == (50, 4, 4)
    corner, side = boxes[..., :2], boxes[..., 2]
    assert torch.equal(side, boxes[..., 3])
    assert (side.min(), side.max()) == (16, 32)
    assert corner.min() == 0
    assert (corner + side[..., None]).max() == 32
    whole = square_crops(noise(2, 32), 3, 1.0, draws)
    assert whole.flatten(0, 1).tolist() == [[0, 0, 32, 32]] * 6
