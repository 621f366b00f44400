"""Trainings that can hardly have taught anything are said, and others are not."""

import json
import math
import os
import signal

import numpy as np
import pytest
import torch

from orandnet.job.warnings import collected_warnings
from orandnet.training.doubts import FEWEST, Window, doubts, loss_of_chance, window_of
from toy_training import SETTINGS, after_steps, toy_loss, train


def windows(losses):
    """Return the windows of a training with these losses."""
    found = {"first": Window(), "last": Window()}
    for step, loss in enumerate(losses):
        if (name := window_of(step, len(losses))) is not None:
            found[name] = found[name].plus(torch.tensor(float(loss), dtype=torch.float64))
    return found["first"], found["last"]


def codes(losses, chance=None):
    return [code for code, _ in doubts(*windows(losses), chance=chance, what="x")]


NOISE = np.random.default_rng(0).normal(0, 0.1, 200)


@pytest.mark.parametrize(
    ("losses", "chance", "expected"),
    [
        (np.linspace(1, 0.1, 200) + NOISE, None, []),
        (np.linspace(1, 0.1, 200) + NOISE, 0.6, []),
        (0.69 + NOISE, None, ["loss_did_not_fall"]),
        (np.full(200, 0.69), None, ["loss_did_not_fall"]),
        (np.linspace(0.5, 1, 200), None, ["loss_did_not_fall"]),
        (np.linspace(0.9, 0.6, 200), 0.6, ["no_better_than_chance"]),
        (0.69 + NOISE, 0.6, ["loss_did_not_fall", "no_better_than_chance"]),
        (np.full(FEWEST - 1, 0.69), 0.6, []),  # too short to be judged
    ],
)
def test_what_did_not_learn_is_told_from_what_did(losses, chance, expected):
    assert codes(losses, chance) == expected


def test_the_first_steps_are_held_against_the_last_fifth():
    first, last = windows(range(100))
    assert (first.steps, last.steps) == (5, 20)
    assert first.mean_and_error() == (2, pytest.approx(math.sqrt(2 / 5)))
    assert last.mean_and_error()[0] == 89.5


def test_chance_names_each_class_as_often_as_it_occurs():
    labels = [(1,), (1, 2), (1,), (1,)]
    assert loss_of_chance(labels, 2) == pytest.approx((0 - 0.25 * math.log(0.25) - 0.75 * math.log(0.75)) / 2)
    assert loss_of_chance([(), (1,)], 1) == pytest.approx(math.log(2))
    assert loss_of_chance([(1,), (1,)], 3) == 0
    targets = torch.tensor([[1.0, 0], [1, 1], [1, 0], [1, 0]])
    logits = torch.logit(targets.mean(0).clamp(1e-6, 1 - 1e-6)).expand(4, 2)
    constant = torch.nn.functional.multilabel_soft_margin_loss(logits, targets)
    assert loss_of_chance(labels, 2) == pytest.approx(float(constant), abs=1e-4)


LONG = SETTINGS.model_copy(update={"epochs": 30})  # of two steps


def warned(folder, **options):
    with collected_warnings() as found:
        train(folder, LONG, **options)
    return found


def test_a_training_warns_of_itself(tmp_path):
    assert warned(tmp_path / "good", chance=math.log(2)) == []
    frozen = LONG.model_copy(update={"learning_rate": 1e-9})
    with collected_warnings() as found:
        train(tmp_path / "frozen", frozen, chance=0.6)
    assert [warning["code"] for warning in found] == ["loss_did_not_fall", "no_better_than_chance"]
    assert found[0]["message"].startswith("toy: the loss did not fall: ")


def test_the_losses_of_both_ends_outlive_a_stop(tmp_path):
    seen = []

    def loss(network, batch):
        return {"loss": toy_loss(network, batch)["loss"] * 0 + 0.5 + 0.001 * next(numbers)}

    numbers = iter(range(100))
    whole = warned(tmp_path / "whole", loss=loss)
    for stop in (2, 55):
        numbers = iter(range(100))
        at = after_steps(stop, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit):
            train(tmp_path / str(stop), LONG, loss=lambda *given, at=at: at(*given) and loss(*given))
        seen.append(warned(tmp_path / str(stop), loss=loss))
    assert whole
    assert [json.dumps(found) for found in seen] == [json.dumps(whole)] * 2
