"""The loss of the small CLIP: that of CLIP where all sentences differ; images of one sentence are no rivals."""

import pytest
import torch
from torch.nn import functional

import small_clip


def test_of_different_sentences_it_is_the_loss_of_clip():
    images, texts = functional.normalize(torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0)), dim=2)
    logits, pairs = 3 * images @ texts.T, torch.arange(5)
    expected = (functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)) / 2
    torch.testing.assert_close(small_clip.contrast(images, texts, torch.tensor(3.0), pairs), expected)


def test_images_of_one_sentence_do_not_compete():
    texts = torch.eye(3)
    together = small_clip.contrast(texts[[0, 0, 1, 2]], texts, torch.tensor(100.0), torch.tensor([0, 0, 1, 2]))
    # the first sentence has two images, which share its probability
    assert together.item() == pytest.approx(torch.tensor(2.0).log().item() / 3 / 2, abs=1e-6)


def test_what_it_learns_from_are_windows_of_the_scenes_and_sentences_of_their_labels():
    images, names = small_clip.pairs(6, 3)
    assert images.shape == (6, 104, 104, 3)
    (rgb, sentences), _ = small_clip.batches(images, names, 2, 4, 0)
    assert rgb.shape == (4, 3, 96, 96)
    known = {f"a picture of {' and '.join(sorted(own))}." for own in names}
    assert set(sentences) <= known
