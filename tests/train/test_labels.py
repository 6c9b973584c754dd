"""Hard and soft labels: the losses, and the bytes."""

import pytest
import torch
import torch.nn.functional as F

from rdc_kit.train import labels, protocols

GIB = 2**30


def some_logits(seed, rows=6, classes=5):
    return torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))


def test_kl_is_zero_where_the_student_answers_as_the_teacher():
    logits, whatever = some_logits(0), torch.zeros(6, dtype=torch.long)
    soft = protocols.soft()
    assert labels.loss_of(soft, logits, whatever, whatever, logits).item() == pytest.approx(0)
    assert labels.loss_of(soft, logits, whatever, whatever, logits + 3).item() < 1e-7
    assert labels.loss_of(soft, logits, whatever, whatever, some_logits(1)).item() > 1e-4


def test_kl_is_the_written_out_formula_and_t_squared_is_a_choice():
    student, teacher, none = some_logits(0), some_logits(1), torch.zeros(6, dtype=torch.long)
    p, q = F.softmax(teacher / 20, 1), F.softmax(student / 20, 1)
    expected = (p * (p / q).log()).sum(1).mean()
    found = labels.loss_of(protocols.soft(), student, none, none, teacher)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    squared = labels.loss_of(protocols.soft(times_t2=True), student, none, none, teacher)
    assert squared.item() == pytest.approx(400 * expected.item(), rel=1e-4)


def test_gvbsms_loss_adds_hard_labels_to_squared_error():
    student, teacher, own = some_logits(0), some_logits(1), torch.arange(6) % 5
    found = labels.loss_of(protocols.named("gvbsm"), student, own, own, teacher)
    expected = (student - teacher).square().mean() + 0.1 * F.cross_entropy(student, own)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_mixed_pixels_have_mixed_labels_unless_the_slip_is_asked_for_by_name():
    logits, own = some_logits(0), torch.arange(6) % 5
    mixed = torch.full((6, 5), 0.2)
    hard = labels.loss_of(protocols.hard(mix="cutmix"), logits, mixed, own, None)
    slip = labels.loss_of(protocols.hard_unmixed(), logits, mixed, own, None)
    assert hard.item() == pytest.approx(F.cross_entropy(logits, mixed).item())
    assert slip.item() == pytest.approx(F.cross_entropy(logits, own).item())
    assert protocols.hard_unmixed().mix == "cutmix"


def test_imagenet_at_ten_images_per_class_takes_the_published_bytes():
    """5.67 GB in the README of LPLD, whose GB is 2^30; its 40 x pruned labels 0.14."""
    full = labels.stored_bytes(10_000, 300, 1000)
    assert full == 10_000 * 300 * 2025
    assert full / GIB == pytest.approx(5.66, abs=0.005)
    for ipc, published in ((20, 11.33), (50, 28.33), (100, 56.66), (200, 113.33)):
        assert labels.stored_bytes(1000 * ipc, 300, 1000) / GIB == pytest.approx(
            published, rel=2e-3
        )
    pruned = labels.stored_bytes(10_000, 300, 1000, keep=0.025)
    assert pruned / GIB == pytest.approx(0.14, abs=0.015)
    assert labels.record(1000).itemsize == 2025


def test_gvbsms_hard_labels_are_not_mixed():
    """Its validation code takes cross-entropy with the images' own labels after CutMix."""
    student, teacher, own = some_logits(0), some_logits(1), torch.arange(6) % 5
    mixed = torch.full((6, 5), 0.2)
    protocol = protocols.named("gvbsm")
    found = labels.loss_of(protocol, student, mixed, own, teacher)
    expected = F.mse_loss(student, teacher) + 0.1 * F.cross_entropy(student, own)
    assert found.item() == pytest.approx(expected.item())


def test_what_can_be_asked_for_logits_is_a_function():
    labels.check_answer(lambda inputs: inputs)
    with pytest.raises(ValueError, match=r"teacher\.answering\(runtime\), got str"):
        labels.check_answer("resnet18")
