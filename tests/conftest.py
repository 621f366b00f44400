"""What all tests share."""

import os
import signal

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: sums of one thread are the same in every process

import pytest
from hypothesis import settings

from checkout import AWKWARD, Checkout

settings.register_profile("project", deadline=None, max_examples=50)  # torch's first call is slow
settings.load_profile("project")

# a shell starts background jobs with SIGINT ignored, which the processes that tests start and interrupt would inherit
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """Return a checkout, in a folder with an awkward name, in which the tiny run has been made.

    Tests leave its results as they are.
    """
    checkout = Checkout(tmp_path_factory.mktemp("finished") / AWKWARD)
    checkout.said = checkout.run("--cores", 2, "--configfile", "tiny.yaml")
    return checkout


@pytest.fixture
def fresh(tmp_path) -> Checkout:
    """Return a checkout in which nothing has been run."""
    return Checkout(tmp_path / "checkout")
