"""Signals that ask a program to stop."""

import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)  # the last one comes from the job's time limit


class StopRequest:
    """Turns the first signal to stop into a wish, so that a step is finished before the state is saved."""

    asked = False

    def __enter__(self) -> "StopRequest":
        """Take the place of the handlers that are there."""
        self.asked = False
        self.previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number in self.previous:
            signal.signal(number, self._ask)
        return self

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
        signal.signal(number, self.previous[number])  # a second one ends the program at once

    def __exit__(self, *exception: object) -> None:
        """Give them back."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
