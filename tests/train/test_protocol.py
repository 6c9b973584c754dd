"""A protocol is data; unknown keys fail; the batch rule is the stated one."""

import dataclasses
import math

import numpy as np
import pytest

import rdc_kit as rdc
from rdc_kit.train import protocols
from rdc_kit.train.protocol import batch_size, seen_as

from ..conftest import colour_blocks


def test_cosine_steps_per_epoch():
    hard = protocols.hard(epochs=4, lr=1.0)
    assert [hard.lr_at(e) for e in range(4)] == pytest.approx(
        [1.0, 0.5 * (1 + math.cos(math.pi / 4)), 0.5, 0.5 * (1 - math.cos(math.pi / 4))]
    )
    assert protocols.scoring(epochs=50).lr_at(49) == protocols.scoring().lr


@pytest.mark.parametrize(
    ("per_class", "classes", "expected"),
    [(1, 10, 10), (5, 10, 10), (10, 10, 50), (50, 10, 100), (100, 10, 128), (1, 3, 3)],
)
def test_the_batch_follows_the_stated_rule(per_class, classes, expected):
    images = colour_blocks(per_class=per_class, classes=classes, size=8)
    assert batch_size(protocols.hard(), len(images), images.num_classes) == expected


def test_a_given_batch_wins_but_never_exceeds_the_set():
    images = colour_blocks(per_class=5, classes=2, size=8)
    assert batch_size(protocols.hard(batch=4), len(images), images.num_classes) == 4
    assert batch_size(protocols.hard(batch=999), len(images), images.num_classes) == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "unknown protocol field 'epoch' - did you mean 'epochs'"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"optimiser": "adam"}, "unknown optimiser 'adam'"),
        ({"view": "cells"}, "unknown view 'cells'"),
        ({"mix": None}, "unknown mix None"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        protocols.hard(**changes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimiser": "adam"}, "unknown optimiser 'adam'"),
        ({"loss": "mse"}, "loss 'mse' does not fit hard labels"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin' - did you mean 'cosine'"),
        ({"epochs": -1}, "epochs must be a whole number of at least 1, got -1"),
    ],
)
def test_a_protocol_of_ones_own_is_checked_as_it_is_made(given, message):
    """Only `but` looked: a misspelt schedule was a cosine, and -1 epochs gave a result."""
    with pytest.raises(ValueError, match=message):
        rdc.Protocol("mine", "me", **given)


def test_a_protocol_holds_plain_values_however_it_is_made():
    """A list as the crop was refused with the sentence that it fulfilled."""
    how = rdc.Protocol("mine", "me", epochs=np.int64(3), crop=[0.5, 1.0])
    assert (type(how.epochs), how.crop) == (int, (0.5, 1.0))
    assert how == rdc.Protocol("mine", "me", epochs=3, crop=(0.5, 1.0))
    assert protocols.hard(crop=[0.5, 1.0]) == protocols.hard(crop=(0.5, 1.0))


def test_a_protocol_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocols.hard().epochs = 3


def test_half_cosine_and_warm_up_are_the_written_out_schedules():
    rded = rdc.protocols.named("rded").but(epochs=10, lr=1.0)
    assert rded.lr_at(0) == 1
    assert rded.lr_at(10) == pytest.approx(0.5)
    tiny = rdc.protocols.named("tiny").but(lr=1.0)
    assert [tiny.lr_at(e) for e in (0, 4, 5)] == pytest.approx([0.2, 1.0, 1.0])


def test_a_mix_has_the_released_codes_alpha_unless_told():
    found = [protocols.hard(mix=mix).alpha for mix in ("mixup", "cutmix")]
    assert found == [0.8, 1.0]
    assert protocols.hard(mix="mixup", mix_alpha=0.3).alpha == 0.3


def test_rdeds_smallest_crop_is_one_by_the_cells_of_a_side():
    rded = protocols.named("rded")
    assert [rded.crop_of((n, n), 0.08) for n in (1, 2, 4)] == [(1, 1), (0.5, 1), (0.25, 1)]
    assert protocols.hard().crop_of((2, 2), 0.08) == (0.08, 1)
    assert protocols.hard(crop=(0.3, 0.9)).crop_of((2, 2), 0.08) == (0.3, 0.9)
    with pytest.raises(ValueError, match="unknown crop 'by_cells'"):
        protocols.hard(crop="by_cells")


def test_how_a_set_is_seen_is_asked_of_protocol_set_and_source_in_turn():
    pool = colour_blocks(per_class=8)
    stored, hard = rdc.combine(pool, (1, 2)), protocols.hard()
    low = pool.traits.min_crop
    assert seen_as(pool, hard) == ("whole", (1, 1), (low, 1.0), True)
    assert seen_as(stored, hard) == ("cell", (1, 2), (low, 1.0), True)
    by_grid = seen_as(stored, hard.but(view="whole", crop="by_grid"))
    assert by_grid == ("whole", (1, 1), (0.5, 1.0), True)  # of the grid that is not looked at
    assert seen_as(stored, hard.but(view="shuffle")).grid == (1, 2)
    digits = dataclasses.replace(pool, traits=dataclasses.replace(pool.traits, flip=False))
    assert not seen_as(digits, hard).flip
    assert not seen_as(pool, hard.but(flip=False)).flip


def test_a_teachers_norm_is_one_of_two():
    with pytest.raises(ValueError, match="unknown teacher_norm 'running'"):
        protocols.soft(teacher_norm="running")


@pytest.mark.parametrize("name", ["hard", "soft"])
def test_only_stored_labels_can_be_pruned(name):
    """They all counted as kept in training, and a tenth of them in the bytes."""
    with pytest.raises(ValueError, match=r"keep=0\.1 prunes stored labels"):
        protocols.named(name).but(keep=0.1)
    assert protocols.named("fkd").but(keep=0.1).keep == 0.1


@pytest.mark.parametrize(
    "given",
    [{"temperature": 4.0}, {"times_t2": True}, {"hard_weight": 0.1}, {"teachers": 4}],
    ids=lambda given: next(iter(given)),
)
def test_what_is_about_a_teacher_means_nothing_with_hard_labels(given):
    ((name, value),) = given.items()
    with pytest.raises(ValueError, match=f"^{name}={value} is about a teacher's answers, and hard"):
        protocols.hard(**given)
    assert getattr(protocols.soft(**given), name) == value
