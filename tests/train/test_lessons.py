"""What a network is shown: every image once per epoch, in its view, with its label or an answer."""

import pytest
import torch

from rdc_kit.augment.views import plain_view
from rdc_kit.ground.seeds import generator
from rdc_kit.train import lessons, protocols
from rdc_kit.train.lessons import Feed, lesson_of

from ..conftest import fake_set

CPU = torch.device("cpu")


def test_an_epoch_has_every_row_and_batches_of_one_size(blocks):
    feed = Feed(blocks, 7, CPU)
    batches = list(feed.epoch(generator(0, "order", 0)))
    assert (feed.steps, [len(rows) for rows in batches]) == (3, [7, 7, 7])
    rows = torch.cat(batches)
    assert sorted(rows[:18].tolist()) == list(range(18))
    assert torch.equal(rows[18:], rows[:3])  # filled up with the first ones
    other = torch.cat(list(feed.epoch(generator(0, "order", 1))))
    assert not torch.equal(rows, other)


def test_images_and_labels_belong_together(blocks):
    feed = Feed(blocks, 7, CPU)
    rows = torch.tensor([3, 17, 0])
    pixels, labels = feed.at(rows)
    assert feed.resident
    assert torch.equal(pixels, blocks.images[rows])
    assert torch.equal(labels, blocks.labels[rows])


def test_rows_of_a_set_that_stays_on_the_host_stay_there_too(pretended, monkeypatch):
    """No step may wait for a GPU to say which images it wants."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    feed = Feed(fake_set(), 7, pretended.device)
    rows = next(iter(feed.epoch(generator(0, "order", 0))))
    assert not feed.resident
    assert rows.device.type == "cpu"
    assert [part.device.type for part in feed.at(rows)] == ["cuda", "cuda"]


@pytest.mark.parametrize(
    ("size", "free", "needed", "fits"),
    [
        (10, 160, 10**12, False),
        (10, 1600, 10**12, True),  # so few that nobody counts
        (3 * 10**9, 8 * 10**9, 4 * 10**9, True),  # more than a third of what is free
        (3 * 10**9, 8 * 10**9, 5 * 10**9, False),
        (5 * 10**9, 8 * 10**9, 10**9, True),
    ],
)
def test_a_set_is_on_a_gpu_where_it_fits_beside_the_training(size, free, needed, fits):
    assert lessons._fits(size, free, lambda: needed) is fits


def test_a_lesson_is_the_view_and_the_labels_and_for_soft_ones_the_answer(blocks, exact):
    feed, draws = Feed(blocks, 4, CPU), generator(0, "views", 0)
    rows = torch.arange(4)
    whole = {"crop": (1.0, 1.0), "flip": False}
    hard = lesson_of(blocks, protocols.hard(**whole), feed, None, exact)
    inputs, targets, labels, answer = hard(0, rows, draws)
    assert torch.allclose(inputs, plain_view(blocks.images[:4], blocks.traits), atol=1e-5)
    assert torch.equal(targets, blocks.labels[:4])
    assert torch.equal(labels, blocks.labels[:4])
    assert answer is None
    recipe = protocols.soft(mix="none", **whole)
    soft = lesson_of(blocks, recipe, feed, lambda seen: 2 * seen.mean((2, 3)), exact)
    inputs, _, _, answer = soft(0, rows, draws)
    assert torch.equal(answer, 2 * inputs.mean((2, 3)))


def test_a_lesson_without_the_labels_it_needs_is_refused(blocks, exact):
    feed = Feed(blocks, 4, CPU)
    for protocol, missing in ((protocols.soft(), "a teacher"), ("lpld", "stored labels")):
        protocol = protocols.named(protocol) if isinstance(protocol, str) else protocol
        with pytest.raises(ValueError, match=f"needs {missing}"):
            lesson_of(blocks, protocol, feed, None, exact)


def test_a_teacher_that_answers_nothing_by_itself_is_told_from_none(blocks, exact, teacher):
    """The sentence named what had been given as the remedy."""
    with pytest.raises(ValueError, match=r"such as teacher\.answering\(runtime\), got Teacher"):
        lesson_of(blocks, protocols.soft(), Feed(blocks, 4, CPU), teacher, exact)


def test_the_protocol_decides_over_the_set_and_the_set_over_its_source(blocks, monkeypatch):
    asked = []
    monkeypatch.setattr(lessons, "make_view", lambda *_, **how: asked.append(how))
    lessons.view_for(blocks, protocols.hard())
    lessons.view_for(blocks, protocols.hard(view="shuffle", crop=(0.25, 1.0)))
    assert [how["view"] for how in asked] == [blocks.view, "shuffle"]
    assert [how["scale"] for how in asked] == [(blocks.traits.min_crop, 1.0), (0.25, 1.0)]
