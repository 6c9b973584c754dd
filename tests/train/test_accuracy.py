"""What a network answers, and how often it is right."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from rdc_kit.augment.views import plain_view
from rdc_kit.data.imagesets import DataError
from rdc_kit.train import accuracy as evaluation
from rdc_kit.train import models
from rdc_kit.train.accuracy import accuracy, pack, unpack

from ..conftest import fake_set


def test_accuracy_is_scikit_learns():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 12, generator=draw)
    labels = torch.randint(0, 11, (500,), generator=draw)  # class 11 has no test image
    found = evaluation.accuracy(logits, labels, 12)
    guesses = logits.argmax(1).numpy()
    assert found.top1 == pytest.approx(100 * accuracy_score(labels, guesses))
    top5 = top_k_accuracy_score(labels, logits.numpy(), k=5, labels=range(12))
    assert found.top5 == pytest.approx(100 * top5)
    for k in range(11):
        mine = labels.numpy() == k
        assert found.per_class[k] == pytest.approx(100 * np.mean(guesses[mine] == k))
    assert np.isnan(found.per_class[11])


def test_top5_of_few_classes_is_of_what_there_is():
    found = evaluation.accuracy(torch.eye(3), torch.tensor([0, 2, 1]), 3)
    assert found.top5 == 100
    assert found.top1 == pytest.approx(100 / 3)


def test_predictions_stand_in_the_sets_order_whatever_the_batch(blocks, exact):
    model = models.build("convnet2-w8", 3, 16, seed=1)
    inputs = plain_view(blocks.images, blocks.traits)
    with torch.no_grad():
        expected = model.eval()(inputs)
    for batch in (1, 7, 100):
        model.train()
        found = evaluation.predict(model, blocks, exact, batch)
        assert torch.allclose(found, expected, atol=1e-5)
        assert not model.training


def test_hits_are_kept_as_bits_and_come_back():
    logits = torch.randn(1003, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(1003) % 4
    score = accuracy(logits, labels, 4)
    text = pack(score.hits)
    assert len(text) < 1003 / 4
    back = unpack(text, 1003)
    assert back.tolist() == (logits.argmax(1) == labels).tolist()
    assert 100 * back.mean() == pytest.approx(score.top1)


def test_batches_of_large_images_are_smaller_on_a_gpu():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [evaluation.batch_at(size, cpu, 256) for size in (224, 448)] == [256, 256]
    assert [evaluation.batch_at(size, gpu, 256) for size in (32, 224, 448)] == [256, 256, 64]
    assert evaluation.batch_at(10**4, gpu, 256) == 1


def test_large_images_are_predicted_a_few_at_a_time_on_a_gpu(pretended):
    batches = []

    class Seen(torch.nn.Module):
        def forward(self, inputs):
            batches.append(len(inputs))
            return inputs.mean((2, 3))

    large = fake_set()
    large = replace(large, images=torch.zeros(18, 3, 1024, 1024, dtype=torch.uint8))
    evaluation.predict(Seen(), large, pretended)
    assert batches == [12, 6]


def test_an_empty_set_has_no_logits(blocks, exact):
    with pytest.raises(DataError, match="the set is empty"):
        evaluation.predict(torch.nn.Flatten(), blocks[[]], exact)
