"""The mean over seeds, and what is refused before any training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.train import evaluation, models, stored_labels, teachers, training
from rdc_kit.train.stored_labels import store_labels

from ..conftest import colour_blocks


def test_it_learns(blocks, exact):
    result = rdc.evaluate(blocks, colour_blocks(seed=0), rdc.protocols.hard(epochs=15), 2)
    assert result.mean > 95
    assert [row["seed"] for row in result.rows] == [0, 1]
    assert "n = 2 seeds" in str(result)


def test_a_test_set_that_does_not_fit_is_refused_before_training(blocks):
    with pytest.raises(rdc.DataError, match="no test set"):
        rdc.evaluate(blocks, None)
    with pytest.raises(rdc.DataError, match="different classes"):
        rdc.evaluate(blocks, colour_blocks(classes=4))
    with pytest.raises(rdc.DataError, match="16 px, test images 8 px"):
        rdc.evaluate(blocks, colour_blocks(size=8))
    with pytest.raises(rdc.DataError, match="test set is empty"):
        rdc.evaluate(blocks, blocks[[]])
    with pytest.raises(rdc.DataError, match="training set is empty"):
        rdc.evaluate(blocks[[]], blocks)


def test_test_images_are_normalised_as_the_training_images(blocks, exact):
    """The same pixels from another source had that source's own means, and another accuracy."""
    elsewhere = replace(blocks, traits=replace(blocks.traits, mean=(0.9,) * 3, std=(0.05,) * 3))
    assert evaluation.check_pair(blocks, elsewhere).traits == blocks.traits
    known = {"protocol": rdc.protocols.hard(epochs=6), "seeds": 1, "runtime": exact}
    ours, theirs = (rdc.evaluate(blocks, test, **known) for test in (blocks, elsewhere))
    assert ours.rows[0]["hits"] == theirs.rows[0]["hits"]


def test_a_teacher_or_labels_that_do_not_fit_are_refused_before_training(
    fresh_home, exact, blocks, monkeypatch
):
    """A ten-class teacher ended in torch's words, and labels of other images taught in silence."""
    teacher = rdc.squeeze(blocks, epochs=20, runtime=exact)
    fkd = rdc.protocols.named("fkd").but(epochs=2)
    kept = store_labels(blocks, fkd, teacher.answering(exact), teacher.key, exact)
    monkeypatch.setattr(training, "_train_epoch", None)

    def asks(stored, protocol, known):
        rdc.evaluate(stored, stored, protocol, 1, teacher=known, runtime=exact)

    with pytest.raises(rdc.DataError, match="knows 3 classes, this set has 4"):
        asks(colour_blocks(classes=4), rdc.protocols.soft(), teacher)
    with pytest.raises(rdc.DataError, match="cannot look at images of 32 px"):
        asks(colour_blocks(size=32), rdc.protocols.soft(), teacher)
    with pytest.raises(rdc.DataError, match="stored for other images"):
        asks(colour_blocks(seed=1), fkd, kept)
    for changed in ({"crop": (0.3, 0.9)}, {"flip": False}, {"mix": "none"}, {"keep": 0.5}):
        with pytest.raises(ValueError, match=f"stored with {next(iter(changed))}="):
            asks(blocks, fkd.but(**changed), kept)
    with pytest.raises(ValueError, match=r"these are stored labels, .*but\(labels='stored'\), or"):
        asks(blocks, rdc.protocols.soft(epochs=2), kept)
    with pytest.raises(ValueError, match=r"'fkd' needs stored labels: give rdc\.evaluate a"):
        asks(blocks, fkd, None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"protocol": "hard"}, r"protocol must be .* rdc\.protocols\.hard\(\), got 'hard'"),
        ({"protocol": rdc.protocols.hard}, "got function"),
        ({"runtime": "cpu"}, r"runtime must be .*choose_runtime\(\"cpu\"\), got 'cpu'"),
        ({"teacher": "resnet18"}, "teacher must be of the kind Teacher"),
        ({"stored": rdc.load}, "the training set must be of the kind ImageSet"),
        ({"test": (1, 2)}, "the test set must be of the kind ImageSet, .* got tuple"),
    ],
)
def test_another_kind_of_thing_is_refused_before_training(blocks, monkeypatch, given, told):
    """They ended in an AttributeError, some after other work."""
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(ValueError, match=told):
        rdc.evaluate(**{"stored": blocks, "test": blocks} | given)


def test_a_set_that_was_put_together_by_hand_is_looked_at(blocks, monkeypatch):
    """Labels in int32 failed in the loss, a label out of range on a GPU in an assertion."""
    monkeypatch.setattr(training, "_train_epoch", None)
    narrow = replace(blocks, labels=blocks.labels.int())
    with pytest.raises(rdc.DataError, match=r"labels must be int64 \[N\].*got torch.int32"):
        rdc.evaluate(narrow, blocks)
    with pytest.raises(rdc.DataError, match="label 3 at row 17 is out of range"):
        rdc.evaluate(blocks, replace(blocks, labels=blocks.labels + (blocks.row_ids == 17)))


def test_a_teacher_of_as_many_networks_as_the_protocol_says_answers(
    fresh_home, exact, blocks, teacher, monkeypatch
):
    """G-VBSM's protocol with one network was told as one with four."""
    known = {"seeds": 1, "student": "convnet2-w8", "runtime": exact}
    gvbsm = rdc.protocols.named("gvbsm").but(epochs=2)
    both = replace(teacher, models=teacher.models * 2, names=teacher.names * 2)
    for protocol, given in ((gvbsm, teacher), (gvbsm.but(teachers=1), both)):
        count = len(given.models)
        with pytest.raises(ValueError, match=rf"has {count}: .* protocol.but\(teachers={count}\)"):
            rdc.evaluate(blocks, blocks, protocol, teacher=given, **known)
        assert rdc.evaluate(blocks, blocks, protocol.but(teachers=count), teacher=given, **known)


def test_a_result_is_the_mean_and_the_sample_sd_of_its_seeds():
    rows = [{"top1": value, "steps": 9} for value in (40.0, 44.0, 48.0)]
    result = evaluation.Result(rows)
    assert (result.mean, result.sd) == (44, 4)
    assert str(result) == "top-1 44.0 ± 4.0 % (n = 3 seeds, 9 steps each)"
    alone = evaluation.Result(rows[:1])
    assert np.isnan(alone.sd)
    assert str(alone) == "top-1 40.0 % (n = 1 seed, 9 steps each)"


def test_a_teacher_is_asked_whatever_form_its_labels_have(fresh_home, exact, blocks):
    """Stored labels are made by the way; hard ones do not ask."""
    test, teacher = colour_blocks(seed=0), rdc.squeeze(blocks, epochs=20, runtime=exact)
    known = {"student": "convnet2-w8", "teacher": teacher, "runtime": exact}
    for name in ("hard", "soft", "fkd"):
        protocol = rdc.protocols.named(name).but(epochs=20)
        assert rdc.evaluate(blocks, test, protocol, 1, **known).mean > 60, name
    assert len(list((fresh_home / "data" / "runs" / "labels").glob("*/result.json"))) == 1
    with pytest.raises(ValueError, match="needs a teacher"):
        rdc.evaluate(blocks, test, rdc.protocols.soft(epochs=1), 1, runtime=exact)


def test_more_can_be_measured_of_each_network(exact, blocks):
    protocol = rdc.protocols.hard(epochs=1)
    count = {"also": lambda model: {"weights": sum(p.numel() for p in model.parameters())}}
    result = rdc.evaluate(blocks, colour_blocks(seed=0), protocol, 2, runtime=exact, **count)
    assert [row["weights"] for row in result.rows] == [
        8 * 3 * 9 + 8 + 16 + 8 * 8 * 9 + 8 + 16 + 387
    ] * 2


def test_a_full_gpu_is_not_taken_for_a_teacher_of_another_size(blocks, exact, teacher, monkeypatch):
    def full(self, runtime, norm="eval"):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(teacher), "answering", full)
    with pytest.raises(torch.OutOfMemoryError):
        teachers.check_teacher(blocks, teacher, exact)


def test_a_teacher_that_goes_by_the_batch_needs_more_than_one_pixel_of_one_image(
    exact, fresh_home, monkeypatch
):
    """Its first step, or its labelling after hours, ended in torch's words."""
    pool, soft = colour_blocks(size=32), rdc.protocols.soft(epochs=1, batch=1, teacher_norm="batch")
    stored = rdc.protocols.named("lpld").but(epochs=1, batch=17, teacher_norm="batch")  # 18 images
    named = {}
    for name in ("resnet18", "convnet2-w8-bn"):
        network = models.build(name, 3, 32).eval().requires_grad_(False)
        named[name] = teachers.Teacher((network,), (name,), name, 99.0)
    how = {"seeds": 1, "student": "convnet2-w8", "runtime": exact}
    for protocol in (soft, stored):
        with monkeypatch.context() as patch:
            patch.setattr(training, "_train_epoch", None)
            patch.setattr(stored_labels, "_label_epoch", None)
            with pytest.raises(ValueError, match=r"shrinks images of 32 px .* another batch"):
                rdc.evaluate(pool, pool, protocol, teacher=named["resnet18"], **how)
        for fine in (protocol.but(teacher_norm="eval"), protocol.but(batch=2)):
            assert rdc.evaluate(pool, pool, fine, teacher=named["resnet18"], **how).rows
        assert rdc.evaluate(pool, pool, protocol, teacher=named["convnet2-w8-bn"], **how).rows
