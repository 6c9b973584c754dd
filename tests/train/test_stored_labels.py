"""Stored labels: the replay sees what the teacher saw; what was stopped goes on."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.folders import runs_dir
from rdc_kit.ground.seeds import generator
from rdc_kit.train import labels, protocols, stored_labels, training
from rdc_kit.train.training import fit

from ..conftest import colour_blocks

STUDENT = "convnet2-w8"


@pytest.mark.parametrize("view", ["whole", "cell"])
def test_stored_labels_replay_what_the_teacher_saw(fresh_home, exact, teacher, view):
    """The pixels are re-made from the record alone, and asked again they get the same answer."""
    pool = colour_blocks(per_class=8)
    stored = rdc.combine(pool, grid=2) if view == "cell" else pool
    recipe = protocols.named("lpld").but(epochs=3, keep=1.0, batch=5)
    answer = teacher.answering(exact)
    kept = stored_labels.store_labels(stored, recipe, answer, teacher.key, exact)
    assert labels.stored_bytes(len(stored), 3, 3) == kept.records.nbytes
    for epoch in range(3):
        rows = torch.randperm(len(stored), generator=generator(epoch))[:4]  # any order, any batch
        inputs, targets, logits = kept.replay(
            stored.images, stored.labels, rows, epoch, generator(1)
        )
        assert torch.allclose(answer(inputs), logits, atol=0.01)
        assert torch.allclose(targets.sum(1), torch.ones(4))
    assert not np.array_equal(kept.records["crop"][0], kept.records["crop"][1])
    if view == "cell":  # no crop leaves its cell
        top, left, height, width = (kept.records["crop"][..., k].astype(int) for k in range(4))
        assert (top // 8 == (top + height - 1) // 8).all()
        assert (left // 8 == (left + width - 1) // 8).all()


def test_stored_labels_are_made_once_and_continue_after_a_kill(
    fresh_home, exact, teacher, blocks, monkeypatch
):
    recipe = protocols.named("lpld").but(epochs=5, keep=1.0)
    answer = teacher.answering(exact)
    straight = stored_labels.store_labels(blocks, recipe, answer, "a", exact).records.copy()
    monkeypatch.setattr(stored_labels, "_SAVE_EVERY", 1)
    real, seen = stored_labels._label_epoch, []

    def dies_at_3(records, images, protocol, answer, runtime, epoch):
        if epoch == 3 and len(seen) == 3:
            seen.append("killed")
            raise KeyboardInterrupt
        seen.append(epoch)
        real(records, images, protocol, answer, runtime, epoch)

    monkeypatch.setattr(stored_labels, "_label_epoch", dies_at_3)
    with pytest.raises(KeyboardInterrupt):
        stored_labels.store_labels(blocks, recipe, answer, "b", exact)
    again = stored_labels.store_labels(blocks, recipe, answer, "b", exact)
    assert seen == [0, 1, 2, "killed", 3, 4]
    assert np.array_equal(again.records, straight)
    stored_labels.store_labels(blocks, recipe, answer, "b", exact)
    assert len(seen) == 6


def test_labels_that_were_lost_are_not_taken_for_done_when_the_remake_is_killed(
    fresh_home, exact, teacher, blocks, monkeypatch
):
    """Their old count of epochs stood beside a new file of zeros."""
    monkeypatch.setattr(stored_labels, "_SAVE_EVERY", 2)
    asked = (blocks, protocols.named("lpld").but(epochs=5, keep=1.0), teacher.answering(exact))
    first = stored_labels.store_labels(*asked, "a", exact)
    straight = first.records.copy()
    (runs_dir("labels") / first.key / "records.npy").unlink()
    real = stored_labels._label_epoch
    monkeypatch.setattr(stored_labels, "_label_epoch", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        stored_labels.store_labels(*asked, "a", exact)
    monkeypatch.setattr(stored_labels, "_label_epoch", real)
    assert np.array_equal(stored_labels.store_labels(*asked, "a", exact).records, straight)


def test_labels_that_were_copied_in_part_are_made_anew(
    fresh_home, exact, teacher, blocks, monkeypatch
):
    """What was missing was filled with zeros, and taken for the teacher's answers."""
    monkeypatch.setattr(stored_labels, "_SAVE_EVERY", 1)
    asked = (blocks, protocols.named("lpld").but(epochs=5, keep=1.0), teacher.answering(exact))
    straight = stored_labels.store_labels(*asked, "a", exact).records.copy()
    real, calls = stored_labels._label_epoch, []

    def stops(*given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(stored_labels, "_label_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        stored_labels.store_labels(*asked, "b", exact)
    (path,) = [p.parent / "records.npy" for p in runs_dir("labels").glob("*/progress*")]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
    monkeypatch.setattr(stored_labels, "_label_epoch", real)
    assert np.array_equal(stored_labels.store_labels(*asked, "b", exact).records, straight)


@pytest.mark.parametrize("moment", ["between epochs", "within its last batch"])
def test_labels_that_were_copied_while_they_were_stored_are_completed(
    fresh_home, exact, teacher, blocks, monkeypatch, moment
):
    """The copied count was of a later moment than the records: whole epochs had logits of 0."""
    monkeypatch.setattr(stored_labels, "_SAVE_EVERY", 1)
    asked = (blocks, protocols.named("lpld").but(epochs=5, keep=1.0, batch=5))
    answer, calls, copies = teacher.answering(exact), [], []
    straight = stored_labels.store_labels(*asked, answer, "a", exact).records.copy()
    batches = 4  # of 18 images

    def copied(inputs):
        """Copy the records as the third epoch begins, or in its last batch; die in the fifth."""
        calls.append(inputs)
        logits = answer(inputs)
        if len(calls) == 2 * batches + (1 if moment == "between epochs" else batches):
            (place,) = [p.parent / "records.npy" for p in runs_dir("labels").glob("*/progress*")]
            copies.append((place, place.read_bytes()))
        if len(calls) == 4 * batches + 1:
            raise KeyboardInterrupt
        return logits

    with pytest.raises(KeyboardInterrupt):
        stored_labels.store_labels(*asked, copied, "b", exact)
    ((place, content),) = copies
    place.write_bytes(content)
    again = stored_labels.store_labels(*asked, answer, "b", exact)
    assert np.array_equal(again.records, straight)


def test_pruned_labels_are_used_again(fresh_home, exact, teacher, blocks):
    recipe = protocols.named("lpld").but(epochs=40)
    kept = stored_labels.store_labels(blocks, recipe, teacher.answering(exact), teacher.key, exact)
    assert len(kept.records) == 1  # 40 x: one epoch's labels serve forty
    rows = torch.arange(4)
    first, later = (
        kept.replay(blocks.images, blocks.labels, rows, epoch, generator(epoch))[0]
        for epoch in (0, 39)
    )
    assert torch.equal(first, later)
    fitted = fit(blocks, recipe, STUDENT, 0, exact, teacher=kept)
    assert fitted.losses[-1] < fitted.losses[0]


def test_labels_of_another_set_or_training_are_refused(fresh_home, exact, blocks, monkeypatch):
    """`fit` took them for its own; labels of two epochs taught six, and it said so of none."""
    recipe = protocols.named("fkd").but(epochs=2)
    kept = stored_labels.store_labels(blocks, recipe, lambda x: x[:, :, 0, 0], "none", exact)
    monkeypatch.setattr(training, "_train_epoch", None)
    for other in (colour_blocks(seed=1), colour_blocks(per_class=7)):
        with pytest.raises(rdc.DataError, match="stored for other images"):
            fit(other, recipe, STUDENT, 0, exact, teacher=kept)
    for name, value in (("epochs", 6), ("epochs", 1), ("flip", False)):
        with pytest.raises(ValueError, match=rf"stored with {name}=\w+, not {value} as asked"):
            fit(blocks, recipe.but(**{name: value}), STUDENT, 0, exact, teacher=kept)


def test_a_teacher_is_no_function(exact, teacher, blocks):
    with pytest.raises(ValueError, match=r"such as teacher\.answering\(runtime\), got Teacher"):
        stored_labels.store_labels(blocks, protocols.named("fkd"), teacher, teacher.key, exact)


def test_views_that_a_record_cannot_hold_are_refused(exact, teacher, blocks):
    recipe = protocols.named("lpld")
    for change in ({"view": "shuffle"}, {"cutout": 0.5}, {"mix": "mixup"}):
        with pytest.raises(ValueError, match="stored labels hold crops, mirrors and CutMix"):
            stored_labels.store_labels(
                blocks, recipe.but(**change), teacher.answering(exact), "k", exact
            )


def test_soft_labels_teach_what_hard_labels_of_another_name_do_not(exact, teacher, blocks):
    """With wrong hard labels a student is at a loss; the teacher's soft ones do not mind them."""
    wrong = rdc.from_tensors(
        blocks.images, (blocks.labels + 1) % 3, blocks.classes, traits=blocks.traits
    )
    test = colour_blocks(seed=0)
    hard = rdc.evaluate(wrong, test, protocols.hard(epochs=80), 1, STUDENT, runtime=exact)
    known = {"teacher": teacher, "runtime": exact}
    soft = rdc.evaluate(wrong, test, protocols.soft(epochs=80), 1, STUDENT, **known)
    assert hard.mean < 10
    assert soft.mean > 80


def test_labels_are_stored_once_for_all_that_does_not_change_them(
    blocks, teacher, exact, fresh_home
):
    """Each learning rate stored them all anew."""
    asked = protocols.named("lpld").but(epochs=3, keep=1.0, batch=5)
    answer = teacher.answering(exact)
    keys = [
        stored_labels.store_labels(blocks, asked.but(**changes), answer, teacher.key, exact).key
        for changes in ({}, {"lr": 0.1}, {"temperature": 4.0}, {"batch": 6}, {"crop": (0.3, 1.0)})
    ]
    assert keys[0] == keys[1] == keys[2]
    assert len({keys[0], *keys[3:]}) == 3


def test_labels_of_views_that_a_gpu_drew_have_another_name(fresh_home, exact, blocks, monkeypatch):
    """Its generator draws other views; copied runs would pass for those of this machine."""
    monkeypatch.setattr(stored_labels, "_label_epoch", lambda *given: None)
    recipe = protocols.named("lpld").but(epochs=2)
    keys = [
        stored_labels.store_labels(blocks, recipe, lambda inputs: inputs, "a", runtime).key
        for runtime in (exact, replace(exact, device=torch.device("cuda")))
    ]
    assert keys[0] != keys[1]
