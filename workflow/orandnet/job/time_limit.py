"""The time limit of a job, as a signal that the process sends to itself before the wall.

A training saves its state at that signal and exits with code 75, as it does when it is interrupted; the same command
then goes on where it was. Other work is simply ended.
"""

import signal

STOPPED = 75  # exit code of a job that may be started again (EX_TEMPFAIL)
MARGIN = 120.0  # seconds: the job's start before Python's, one training step, and saving the state


def seconds_to_work(minutes: float) -> float:
    """Return how long a process may work in a job that may take `minutes`; short jobs keep three quarters."""
    return 60 * minutes - min(MARGIN, 15 * minutes)


def set_time_limit(minutes: float) -> None:
    """Have SIGALRM delivered before the job's time is over; whoever does not handle it exits with code 75.

    Raises:
        ValueError: if the limit is not positive.
    """
    if not minutes > 0:
        raise ValueError(f"--time-limit: {minutes} minutes are no time to work in; give more.")
    signal.signal(signal.SIGALRM, _exit)
    signal.setitimer(signal.ITIMER_REAL, seconds_to_work(minutes))


def _exit(number: int, frame: object) -> None:
    raise SystemExit(STOPPED)
