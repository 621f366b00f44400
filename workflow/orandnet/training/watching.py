"""What can be seen of a training while it runs: loss and rate beside the progress, its history, and event files.

Nothing here changes a weight. Losses stay on their device until they are shown, so that no step waits for a number.
"""

import csv
import shutil
from pathlib import Path

from torch import Tensor

from orandnet.files.atomic import atomic_path

MOST_POINTS = 1000  # of a curve in the event files; more are not seen, and each waits for the device


class Means:
    """Means of some named values since they were last asked for."""

    def __init__(self) -> None:
        """Start with no value."""
        self.number: int = 0
        self.sums: dict[str, Tensor | float] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Take in the values of a step."""
        self.number += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """Return the means and start anew."""
        found = {name: float(total) / self.number for name, total in self.sums.items()}
        self.number, self.sums = 0, {}
        return found


class Watch:
    """Follows a training from step to step; a context, in which the event files are open."""

    def __init__(
        self, history_output: Path, events_output: Path | None, history: list[dict], start: int, total: int, epoch: int
    ):
        """Begin with what is known of a training that is taken up.

        Args:
            history_output: CSV of the epochs so far.
            events_output: folder for TensorBoard's event files; None for none.
            history: rows of the epochs before.
            start: number of steps before.
            total: number of steps in all.
            epoch: number of steps of an epoch.
        """
        self.history_output, self.num_epochs = history_output, 0
        self.step, self.total, self.epoch = start, total, epoch
        self.shown, self.text, self.rate = Means(), "", 0.0
        self.written, self.every, self.writer = Means(), -(-total // MOST_POINTS), None
        if events_output is not None:
            self.writer = _open_events(events_output, start)
        self._write_history(history)

    def add(self, rate: float, values: dict[str, Tensor], history: list[dict]) -> None:
        """Take in a step: its learning rate, the loss's values, and the rows of all epochs that are over."""
        self.rate = rate
        self.shown.add({"loss": values["loss"]})
        if self.writer is not None:
            self.written.add(values)
            if (self.step + 1) % self.every == 0:
                for name, mean in ({"learning_rate": rate} | self.written.take()).items():
                    self.writer.add_scalar(name, mean, self.step)
        self.step += 1
        self._write_history(history)

    def line(self) -> str:
        """Return epoch, mean loss since the last line, and rate; the last line again if no step was taken since."""
        if self.shown.number:
            epoch, epochs = (self.step - 1) // self.epoch + 1, -(-self.total // self.epoch)
            loss = self.shown.take()["loss"]
            self.text = f"epoch {epoch} of {epochs}, loss {loss:.4g}, rate {self.rate:.3g}"
        return self.text

    def _write_history(self, history: list[dict]) -> None:
        if len(history) > self.num_epochs:
            self.num_epochs = len(history)
            write_history(self.history_output, history)

    def __enter__(self) -> "Watch":
        """Follow a training."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the event files, also of a training that is stopped."""
        if self.writer is not None:
            self.writer.close()


def write_history(path: Path, rows: list[dict]) -> None:
    """Write all epochs so far as CSV, one row each, in place of those that were there.

    The file lies at its final place from the first epoch on, where a user looks for it, and each form of it is whole:
    it is replaced, never appended to. That a training has ended is told by its weights and manifest, which come last.
    Snakemake removes the file where a training fails, as it does with all outputs; the rows are in the state too, and
    come back with the training that goes on.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def check_events(folder: Path | None) -> None:
    """Refuse event files that nothing here can write; ValueError, before anything is trained."""
    if folder is not None:
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError as error:
            raise ValueError(
                f"tensorboard: event files are asked for, and the package {error.name} is not installed; "
                "pip install tensorboard, or leave out the key tensorboard."
            ) from None


def _open_events(folder: Path, start: int) -> object:
    """Return a writer; what an earlier training left is removed, what came after a state that is taken up is hidden."""
    from torch.utils.tensorboard import SummaryWriter

    if start == 0:
        shutil.rmtree(folder, ignore_errors=True)
    return SummaryWriter(str(folder), purge_step=start or None)
