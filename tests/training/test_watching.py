"""A training can be watched: losses in the log, a history that grows, event files; none of it changes a byte."""

import os
import re
import signal
import sys

import pytest
import torch

from orandnet.job import progress
from orandnet.training.watching import Watch, check_events
from toy_training import after_steps, toy_loss, train

HEADER = "epoch,learning_rate,loss,zeal,accuracy"


def test_lines_in_a_log_tell_epoch_loss_and_rate(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    train(tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("toy: ") and "loss" in line]
    assert len(lines) == 6 + 1  # every step, and the end
    first = re.fullmatch(r"toy: 1 of 6 \(16 %\), \d+ s left; epoch 1 of 3, loss ([\d.]+), rate 0\.05", lines[0])
    assert float(first[1]) > 0
    assert "epoch 3 of 3, " in lines[-1]
    assert lines[-1].startswith("toy: done, 6 in ")


def test_the_bar_of_a_terminal_shows_loss_and_rate(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOOKS", 0.0)
    train(tmp_path)
    shown = capsys.readouterr().err
    assert re.search(r"epoch 3 of 3, loss [\d.]+,\s+rate", shown)


def test_a_loss_is_the_mean_since_the_last_line(tmp_path):
    watch = Watch(tmp_path / "history.csv", None, [], 0, 10, 5)
    for loss in (1.0, 3.0):
        watch.add(0.25, {"loss": torch.tensor(loss)}, [])
    assert watch.line() == watch.line() == "epoch 1 of 2, loss 2, rate 0.25"
    watch.add(0.25, {"loss": torch.tensor(7.0)}, [])
    assert watch.line() == "epoch 1 of 2, loss 7, rate 0.25"


def test_the_history_grows_by_epoch_and_returns_with_a_training_that_goes_on(tmp_path):
    """As under Snakemake, which removes it where a training fails."""
    history, seen = tmp_path / "history.csv", []

    def loss(network, batch):
        seen.append(history.read_text().splitlines() if history.exists() else [])
        return toy_loss(network, batch)

    whole = train(tmp_path, loss=loss)
    assert [len(lines) for lines in seen] == [0, 0, 2, 2, 3, 3]
    assert all(lines == history.read_text().splitlines()[: len(lines)] for lines in seen)
    assert seen[2][0] == HEADER

    other = tmp_path / "stopped"
    history, seen = other / "history.csv", []
    with pytest.raises(SystemExit):
        train(other, loss=after_steps(3, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    history.unlink()
    assert train(other, loss=loss) == whole
    assert [len(lines) for lines in seen] == [2, 3, 3]


def test_a_training_that_ends_before_an_epoch_does_leaves_one_row_all_the_same(tmp_path):
    from toy_training import SETTINGS

    train(tmp_path, SETTINGS.model_copy(update={"max_iterations": 1}))
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2


def scalars(folder):
    """Return name -> (steps, values) of what TensorBoard reads in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        name: ([point.step for point in events.Scalars(name)], [point.value for point in events.Scalars(name)])
        for name in events.Tags()["scalars"]
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_hold_each_step_once_after_a_stop_and_change_no_byte(tmp_path):
    plain, folder = train(tmp_path / "plain"), tmp_path / "events"
    stopping = after_steps(4, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        train(tmp_path / "watched", loss=stopping, events_output=folder)
    assert scalars(folder)["loss"][0] == [0, 1, 2, 3]
    assert train(tmp_path / "watched", events_output=folder) == plain
    found = scalars(folder)
    assert set(found) == {"loss", "zeal", "accuracy", "learning_rate"}
    assert found["loss"][0] == list(range(6))
    assert found["learning_rate"][1][0] == pytest.approx(0.05)
    assert train(tmp_path / "watched", events_output=folder) == plain  # anew
    assert scalars(folder)["loss"][0] == list(range(6))


def test_without_the_package_event_files_are_refused_by_its_name(tmp_path, monkeypatch):
    check_events(None)
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard" or "utils.tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ValueError, match=r"tensorboard: .* is not installed; pip install tensorboard"):
        check_events(tmp_path)
