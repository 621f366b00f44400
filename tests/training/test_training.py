"""The training loop: schedules, optimisers, and that stopping, resuming and loading in parallel change no byte."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import toy_training
from orandnet.files.checkpoint import load_weights
from orandnet.training import loop
from orandnet.training.optimizer import build_optimizer, parameter_groups
from orandnet.training.schedule import SCHEDULES, rate_factor
from orandnet.training.settings import Training
from orandnet.training.state import DAMAGED, FILE, remove_state, save_state
from toy_training import SETTINGS, Toy, after_steps, noisy_sample, toy_loss, train

OPTIMIZERS = {
    "sgd": SETTINGS,
    "sgd without momentum": SETTINGS.model_copy(update={"momentum": 0.0}),
    "adamw": SETTINGS.model_copy(update={"optimizer": "adamw", "learning_rate": 0.01}),
}

num_steps = st.integers(1, 200)
schedules = st.sampled_from(sorted(SCHEDULES))


@given(num_steps, schedules, st.floats(0.1, 5), st.integers(0, 50))
def test_the_rate_stays_in_the_unit_interval_and_never_rises_after_the_warm_up(length, schedule, power, warmup):
    factors = [rate_factor(step, length, schedule=schedule, power=power, warmup=warmup) for step in range(length)]
    assert all(0 < factor <= 1 for factor in factors)
    after = factors[warmup:]
    assert after == sorted(after, reverse=True)


@given(num_steps, schedules, st.floats(0.1, 5))
def test_without_warm_up_the_first_step_has_the_full_rate(length, schedule, power):
    assert rate_factor(0, length, schedule=schedule, power=power, warmup=0) == 1


def test_schedules_by_hand():
    half = {name: rate_factor(50, 100, schedule=name, power=2.0, warmup=0) for name in SCHEDULES}
    assert half == {"poly": pytest.approx(0.25), "cosine": pytest.approx(0.5), "constant": 1}
    rising = [rate_factor(step, 100, schedule="constant", power=1.0, warmup=3) for step in range(5)]
    assert rising == [0.25, 0.5, 0.75, 1, 1]


def test_momentum_and_weight_decay_arrive_in_their_own_places():
    network = Toy()
    settings = Training(optimizer="sgd", learning_rate=0.3, momentum=0.7, beta1=0.8, weight_decay=0.02)
    groups = [{**group, "lr_factor": 1.0} for group in ({"params": list(network.parameters())},)]
    (sgd,) = build_optimizer(groups, settings).param_groups
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"], sgd["dampening"]) == (0.3, 0.7, 0.02, 0)
    adamw = build_optimizer(groups, settings.model_copy(update={"optimizer": "adamw"}))
    assert isinstance(adamw, torch.optim.AdamW)
    assert (adamw.param_groups[0]["betas"], adamw.param_groups[0]["weight_decay"]) == ((0.8, 0.999), 0.02)


def test_a_group_keeps_its_own_decay_and_frozen_parameters_stay_out():
    network = Toy()
    network.body[0].requires_grad_(False)
    body, head = parameter_groups(list(network.body.parameters()), list(network.head.parameters()), head_factor=10.0)
    assert not any(parameter is network.body[0].weight for parameter in body["params"])
    assert (body["lr_factor"], head["lr_factor"]) == (1.0, 10.0)
    optimizer = build_optimizer([body, {**head, "weight_decay": 0.0}], SETTINGS)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]
    network.requires_grad_(False)
    assert parameter_groups(list(network.parameters()), [], head_factor=1.0) == []


def test_the_loss_falls_and_the_history_tells_so(tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 15, "weight_decay": 0.0})
    train(tmp_path, settings)
    lines = (tmp_path / "history.csv").read_text().split("\n")
    rows = [dict(zip(lines[0].split(","), map(float, line.split(",")), strict=True)) for line in lines[1:-1]]
    assert lines[0] == "epoch,learning_rate,loss,zeal,accuracy"
    assert [row["epoch"] for row in rows] == list(range(15))
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["accuracy"] == 1
    assert rows[-1]["learning_rate"] == pytest.approx(0.05 * (1 - 29 / 30) ** 0.9)


def test_the_head_learns_faster_by_its_factor(tmp_path, monkeypatch):
    rates, build = [], loop.build_optimizer

    def build_watched(groups, settings):
        optimizer = build(groups, settings)
        optimizer.register_step_pre_hook(lambda *_: rates.append([group["lr"] for group in optimizer.param_groups]))
        return optimizer

    monkeypatch.setattr(loop, "build_optimizer", build_watched)
    train(tmp_path)
    assert len(rates) == 6
    for backbone, head in rates:
        assert head == pytest.approx(10 * backbone)
    assert rates[0][0] == 0.05


def test_max_iterations_ends_a_training_within_an_epoch(tmp_path):
    seen = []

    def loss(network, batch):
        seen.append(len(batch[0]))
        return toy_loss(network, batch)

    train(tmp_path, SETTINGS.model_copy(update={"max_iterations": 3}), loss=loss)
    assert seen == [4, 4, 4]
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3


def test_a_batch_larger_than_the_data_set_takes_all_of_it(tmp_path):
    seen = []

    def loss(network, batch):
        seen.append(sorted(batch[1].tolist()))
        return toy_loss(network, batch)

    train(tmp_path, num_samples=3, loss=loss)
    assert seen == [[0, 0, 1]] * 3


def test_each_epoch_visits_every_sample_once_in_a_new_order_and_progress_grows(tmp_path):
    positions, noises, progresses = [], [], []

    def sample(position, generator, progress):
        positions.append(position)
        noises.append(generator.random())
        progresses.append(progress)
        return noisy_sample(position, generator, progress)

    train(tmp_path, sample=sample, num_samples=8)
    epochs = [positions[start : start + 8] for start in (0, 8, 16)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(8))] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert len(set(noises)) == len(noises)
    assert progresses == sorted(progresses)
    assert progresses[0] == 0
    assert progresses[-1] < 1


def test_another_random_seed_gives_another_training(tmp_path):
    assert train(tmp_path / "0")[0] != train(tmp_path / "1", random_seed=1)[0]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_number_of_loading_workers_does_not_matter(tmp_path, uninterrupted):
    for threads in (2, 3):
        assert train(tmp_path / str(threads), threads=threads) == uninterrupted["sgd"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What each training leaves that nothing stopped."""
    return {name: train(tmp_path_factory.mktemp("whole"), settings) for name, settings in OPTIMIZERS.items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("stopped_at", [1, 4, 6])
def test_a_training_that_is_asked_to_stop_and_resumed_ends_with_the_same_bytes(
    tmp_path, uninterrupted, name, stopped_at
):
    settings = OPTIMIZERS[name]
    stopping = after_steps(stopped_at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path, settings, loss=stopping)
    assert stopped.value.code == loop.STOPPED
    assert (tmp_path / ".state" / FILE).is_file()
    assert train(tmp_path, settings) == uninterrupted[name]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path, uninterrupted, name, monkeypatch):
    settings = OPTIMIZERS[name]
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_STATES", -1.0)  # a state after every step

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    for _ in range(5):
        with pytest.raises(Killed):
            train(tmp_path, settings, loss=after_steps(2, die))
    seen = []
    last = train(tmp_path, settings, loss=lambda network, batch: seen.append(1) or toy_loss(network, batch))
    assert last == uninterrupted[name]
    assert len(seen) == 1


def test_the_clock_decides_when_a_state_is_written(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(loop, "save_state", lambda *_, progress, **__: saved.append(progress["step"]))
    seconds = iter(range(0, 10_000, 25))
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(loop, "track", lambda items, *_, **__: items)
    train(tmp_path)
    assert saved == [3, 6]


def test_the_share_of_the_time_that_waited_for_data_is_told(tmp_path, capsys):
    train(tmp_path)
    assert 0 <= int(re.search(r"toy: (\d+)% of the time waited for data", capsys.readouterr().err)[1]) < 100
    batches = loop._LoadedAhead(time.sleep(0.05) or number for number in range(4))
    assert list(batches) == [0, 1, 2, 3]
    assert 0.5 < batches.share() <= 1


def test_loading_beside_a_step_is_not_waited_for():
    batches = loop._LoadedAhead(time.sleep(0.04) or number for number in range(10))
    for _ in batches:
        time.sleep(0.05)
    assert batches.share() < 0.25  # in turn, it would be 0.44


def test_a_state_of_another_training_is_not_taken_up(tmp_path, uninterrupted):
    stopping = after_steps(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(SystemExit):
        train(tmp_path, loss=stopping, key="another")
    assert train(tmp_path) == uninterrupted["sgd"]


def garbage(content):
    return b"garbage" * 99


def cut_off(content):
    return content[:-40]


def one_bit_changed(content):
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


def of_a_huge_header(content):
    return (2**60).to_bytes(8, "little") + content[8:]


def without_progress(content):
    return content.replace(b'\\"progress\\"', b'\\"progresx\\"')


@pytest.mark.parametrize("damage", [garbage, cut_off, one_bit_changed, of_a_huge_header, without_progress])
def test_a_damaged_state_is_set_aside_and_the_training_starts_anew(tmp_path, uninterrupted, capsys, damage):
    with pytest.raises(SystemExit):
        train(tmp_path, loss=after_steps(2, lambda: os.kill(os.getpid(), signal.SIGINT)))
    state = tmp_path / ".state" / FILE
    content = state.read_bytes()
    assert damage(content) != content
    state.write_bytes(damage(content))
    seen = []

    def loss(network, batch):
        seen.append((tmp_path / ".state" / DAMAGED).is_file())
        return toy_loss(network, batch)

    assert train(tmp_path, loss=loss) == uninterrupted["sgd"]
    assert seen == [True] * 6
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "set aside" in line]
    assert str(state) in line
    assert line.endswith("the training starts anew.")


def test_signal_handlers_are_given_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(SystemExit):
        train(tmp_path, loss=after_steps(1, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


GROUP_SCRIPT = """
import sys, time
from pathlib import Path
import toy_training as toys

folder = Path(sys.argv[1])

def wait():
    folder.joinpath("started").touch()
    time.sleep(1)  # the signal comes, and a worker has time to die of it

toys.train(folder, threads=2, loss=toys.after_steps(2, wait))
"""


def test_a_signal_that_the_loading_workers_get_too_stops_after_the_step(tmp_path, uninterrupted):
    places = [str(Path(toy_training.__file__).parent), str(Path(loop.__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-W", "ignore", "-c", GROUP_SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True) as job:
        while not (tmp_path / "started").exists() and job.poll() is None:
            time.sleep(0.05)
        os.killpg(job.pid, signal.SIGTERM)  # as a cluster at the time limit
        errors = job.communicate(timeout=100)[1]
    assert job.returncode == loop.STOPPED, errors
    assert errors.splitlines()[-1] == "toy: stopped at step 2; run again to go on."
    assert train(tmp_path) == uninterrupted["sgd"]


def test_a_loss_that_is_not_a_number_ends_the_training_with_advice(tmp_path):
    def loss(network, batch):
        return {"loss": toy_loss(network, batch)["loss"] * float("nan")}

    with pytest.raises(ValueError, match=r"loss: became nan by step 2; lower training\.learning_rate"):
        train(tmp_path, loss=loss)
    assert not (tmp_path / "weights.safetensors").exists()
    assert not (tmp_path / ".state").exists()


def test_a_state_that_has_gone_wrong_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_STATES", -1.0)
    calls = []

    def loss(network, batch):
        calls.append(1)
        values = toy_loss(network, batch)
        return values if len(calls) < 4 else {**values, "loss": values["loss"] * float("inf")}

    with pytest.raises(ValueError, match="became inf by step 4"):
        train(tmp_path, loss=loss)
    tensors, metadata = load_weights(tmp_path / ".state" / FILE)
    assert '"step": 3' in metadata["progress"]
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_a_training_without_samples_says_so(tmp_path):
    with pytest.raises(ValueError, match="toy: no training sample is left"):
        train(tmp_path, num_samples=0)


def test_equal_states_have_equal_bytes_and_can_be_removed(tmp_path):
    for name in "12":
        network = Toy()
        optimizer = build_optimizer([{"params": list(network.parameters()), "lr_factor": 1.0}], SETTINGS)
        toy_loss(network, (torch.zeros(2, 3, 6, 6), torch.tensor([0, 1])))["loss"].backward()
        optimizer.step()
        save_state(tmp_path / name, network, optimizer, key="k", progress={"step": 1, "sums": {}, "history": []})
    assert (tmp_path / "1" / FILE).read_bytes() == (tmp_path / "2" / FILE).read_bytes()
    remove_state(tmp_path / "1")
    remove_state(tmp_path / "1")
    assert not (tmp_path / "1").exists()
