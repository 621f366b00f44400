"""The time limit of a job: the training is asked to stop early enough, and the limit is no part of what it makes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from checkout import ROOT
from orandnet.job.time_limit import STOPPED, seconds_to_work, set_time_limit
from orandnet.training.state import FILE
from toy_training import after_steps, train


def test_a_margin_is_left_for_starting_and_saving():
    assert seconds_to_work(1440) == 1440 * 60 - 120
    assert seconds_to_work(1) == 45
    limits = [0.1, 1, 5, 8, 9, 60, 600]
    assert all(0 < seconds_to_work(limit) < 60 * limit for limit in limits)
    assert sorted(map(seconds_to_work, limits)) == [seconds_to_work(limit) for limit in limits]


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_a_limit_without_time_is_refused(minutes):
    with pytest.raises(ValueError, match=r"--time-limit: .* give more"):
        set_time_limit(minutes)


def test_a_training_saves_its_state_at_the_limit(tmp_path):
    previous = signal.getsignal(signal.SIGALRM)
    try:
        set_time_limit(0.02)  # 0.9 s
        with pytest.raises(SystemExit) as stopped:
            train(tmp_path, loss=after_steps(2, lambda: time.sleep(1.5)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert stopped.value.code == STOPPED
    assert (tmp_path / ".state" / FILE).is_file()


def test_work_that_saves_no_state_ends_with_the_code_that_asks_for_another_try():
    script = "from orandnet.job.time_limit import set_time_limit\nset_time_limit(0.01)\nwhile True: pass"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")}, timeout=60
    )
    assert done.returncode == STOPPED
