"""Checks of exercises that change a knob: what is not the set or table that is asked is told."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.saving import image_bytes
from rdc_kit.notebook.exercises import verdict
from rdc_kit.prune.recorders import Scores

from ..conftest import colour_blocks

NINE_TIMES = [label for label in range(3) for _ in range(9)]


@pytest.fixture
def pool():
    return colour_blocks(per_class=20)


@pytest.fixture
def scores(pool):
    """Rising with the row inside a class, and the first class is easiest."""
    return Scores("el2n", 100.0 * pool.labels + torch.arange(60), pool.row_ids)


def said(exercise, answer, *given):
    return verdict(exercise, answer, 0, *given)


def test_composites_of_the_nine_easiest(pool, scores):
    def made(count=9, grid=3, order="easy"):
        return rdc.combine(rdc.select(pool, scores, count, order), grid)

    assert said("00-1", made(), pool, scores).startswith("right. You predicted 0; it is 11.1")
    wrong = {
        "the grid is 2 x 2": made(4, 2),
        "each class has 2 images, 1 are asked": made(18),
        "has easier images": made(order="hard"),
        "no composites yet": rdc.select(pool, scores, 9),
        "expected a set of images": [1, 2, 3],
        "holds an image more than once": rdc.combine(rdc.select(pool, scores, 1)[NINE_TIMES], 3),
    }
    for hint, answer in wrong.items():
        assert hint in said("00-1", answer, pool, scores)


def test_the_middle_of_a_ranking(smoke_run):
    pool = smoke_run.setup.pool
    scores = Scores("el2n", torch.arange(len(pool)).float(), pool.row_ids)
    given = (pool, scores, smoke_run)
    middle = pool[[int(pool.rows_of(c)[len(pool.rows_of(c)) // 2]) for c in range(10)]]
    assert said("00-2", middle, *given).startswith("right. You predicted 0; it is ")
    assert "is not in the middle: 0 % of" in said("00-2", rdc.select(pool, scores, 1), *given)
    assert "keep as many of each" in said("00-2", middle[[0, 0, 2]], *given)


def test_the_easiest_of_all_classes_together(pool, scores):
    given, ranked = (pool, scores, 5), pool[scores.values.argsort()]
    assert "it is 2" in said("02-1", ranked[torch.arange(15)], *given)
    assert "the easiest of each class" in said("02-1", rdc.select(pool, scores, 5), *given)
    assert "easier images are left" in said("02-1", ranked[torch.arange(10, 25)], *given)
    assert "more than once" in said("02-1", ranked[torch.zeros(15, dtype=torch.long)], *given)
    assert "there are 5 images, 15 are asked" in said("02-1", ranked[torch.arange(5)], *given)


def rows(arm="random", method="random", tops=(50, 60, 70), **columns):
    usual = {"arm": arm, "method": method, "labels": "soft", "protocol": "soft", "ipc": 1}
    usual |= {"student": "net"}
    return pd.DataFrame([usual | columns | {"seed": k, "top1": t} for k, t in enumerate(tops)])


def test_a_colder_teacher():
    cold = rows("random temperature=1", tops=(51, 62, 73))
    assert said("01-3", cold, rows()).endswith("+2.0 (-0.5 to +4.5, n = 3): inside.")
    assert "this is T = 20 again" in said("01-3", rows(), rows())
    assert "no row has labels = soft" in said("01-3", cold.assign(labels="hard"), rows())
    assert "seeds of the table" in said("01-3", cold[:2], rows())
    assert "expected a table" in said("01-3", 3.0, rows())


def sets(stored=(1.0, 2.0), observer="judge", methods=("a", "b")):
    return pd.DataFrame({"method": methods, "seed": 0, "stored": stored, "observer": observer})


def test_a_partial_judge():
    table = sets(methods=("random", "sre2l"))
    given = (table, SimpleNamespace(networks=lambda: ["teacher"]))
    other = sets((0.9, 0.1), "teacher", ("random", "sre2l"))
    assert said("03-3", other, *given).endswith("it is SRe2L.")
    assert "still the observer" in said("03-3", table, *given)
    untrained = other.assign(observer="untrained")
    asked = "the judge is untrained; the teacher is asked, which is teacher"
    assert asked in said("03-3", untrained, *given)
    assert "one of every method" in said("03-3", other[:1], *given)
    assert "judge sets of the table" in said("03-3", other.assign(seed=7), *given)
    assert "expected a table" in said("03-3", "sre2l", *given)
    same_name = (table.assign(observer="teacher"), given[1])
    assert said("03-3", other, *same_name).endswith("it is SRe2L.")


def test_both_knobs():
    table = rows("pca", "pca")
    both = rows("pca crop=0.75 cutout=0.5", "pca", (51, 61, 71))
    assert "+1.0 (+1.0 to +1.0, n = 3): outside" in said("05-3", both, table, "pca")
    for slip in ("pca cutout=0.5", "pca crop=0.75 cutout=0.5 grid=3x3"):
        told = said("05-3", both.assign(arm=slip), table, "pca")
        assert f"no row has arm = pca crop=0.75 cutout=0.5; the rows have {slip}" in told


def test_another_network():
    both = [rows(), rows("pca", "pca", (51, 62, 73))]
    new = pd.concat(both).assign(student="convnet2-w32")
    assert "+2.0 (-0.5 to +4.5" in said("06-2", new, rows())
    other = new.assign(student="convnet4-w128")
    no_such = "no row has student = convnet2-w32; the rows have convnet4-w128"
    assert no_such in said("06-2", other, rows())
    assert "one network is asked" in said("06-2", pd.concat([new, other]), rows())
    assert "seeds of the table" in said("06-2", new[new["seed"] == 0], rows())
    assert "no row has method = pca" in said("06-2", new[:3], rows())


def test_sets_of_other_scoring_runs(pool, scores):
    def chosen(shift):
        other = Scores("el2n", (torch.arange(60) + shift) % 20 * 1.0, pool.row_ids)
        return rdc.select(pool, other, 10)

    three = [chosen(0), chosen(5), chosen(10)]
    assert said("06-3", three, pool, 10).endswith("it is 33.")
    for same in (three[:1] * 3, [*three[:1] * 2, three[2]], [three[0], *three[1:2] * 2]):
        assert "two of the sets are the same" in said("06-3", same, pool, 10)
    assert "a list of three sets" in said("06-3", three[:2], pool, 10)
    drawn = [rdc.select(pool, per_class=10, order="random", seed=k) for k in range(3)]
    assert "the easiest images by EL2N" in said("06-3", drawn, pool, 10)
    others = [rdc.select(pool, Scores("mine", scores.values, pool.row_ids), 10)] * 3
    assert "the easiest images by EL2N" in said("06-3", others, pool, 10)


def test_images_for_the_bytes_of_the_labels(smoke_run):
    pool = smoke_run.setup.pool
    room = {"image_bytes": 29_000.0, "label_bytes": 1_000.0}
    price = rows("el2n", "el2n", (50, 60), **room)

    def drawn(count, order="easy"):
        return rdc.select(pool, smoke_run.setup.score("el2n"), count, order)

    fits = max(k for k in range(1, 20) if image_bytes(drawn(k)) + 10 * k <= 30_000)
    assert fits > 1
    assert "your runs say" in said("07-2", drawn(fits), price, smoke_run)
    assert "there is room for 30,000" in said("07-2", drawn(fits + 1), price, smoke_run)
    assert "has easier images" in said("07-2", drawn(fits, "hard"), price, smoke_run)
    assert "another one of each class fits" in said("07-2", drawn(1), price, smoke_run)


def hidden(images, to=128, start=None):
    made = images.clone()
    made[:, :, images.shape[-1] // 2 if start is None else start :] = to
    return made


def in_place(images):
    images[:, :, images.shape[-1] // 2 :] = 0
    return images


@pytest.mark.parametrize(
    ("own", "hint"),
    [
        (lambda x: x, "lower half must be one grey"),
        (lambda x: hidden(x, start=0), "upper half must stay"),
        (in_place, "work on a copy"),
        (lambda x: hidden(x.float(), to=0.5), "no whole numbers from 0 to 255"),
        (lambda x: hidden(x.int(), to=300), "no whole numbers from 0 to 255"),
    ],
)
def test_a_corruption_must_be_the_one_that_is_asked(smoke_run, own, hint):
    assert hint in verdict("08-2", own, 0, smoke_run)


def test_a_right_corruption_is_tested_on(smoke_run):
    assert verdict("08-2", hidden, 200, smoke_run).startswith("right. You predicted 200; it is ")


def distances(pool, centre=None, p=2):
    pixels = pool.images.float().flatten(1)
    means = torch.stack([pixels[pool.rows_of(c)].mean(0) for c in range(pool.num_classes)])
    return (pixels - (means[pool.labels] if centre is None else pixels.mean(0))).norm(p, dim=1)


def test_distances_to_the_mean_of_the_class_are_told_from_others(blocks):
    blocks = replace(blocks, images=blocks.images.clone())
    blocks.images[0, :, :4, :4] = 255 - blocks.images[0, :, :4, :4]  # few pixels far, or many near
    scores = Scores("el2n", distances(blocks), blocks.row_ids)
    right = distances(blocks)
    assert "It is 1, as you" in verdict("08-3", right**2, 1, blocks, scores)
    assert "turned round" in verdict("08-3", -right, 1, blocks, scores)
    assert "adds up absolute" in verdict("08-3", distances(blocks, p=1), 1, blocks, scores)
    assert "the mean of all images" in verdict("08-3", distances(blocks, 0), 1, blocks, scores)
    assert "expected shape" in verdict("08-3", right[:3], 1, blocks, scores)
