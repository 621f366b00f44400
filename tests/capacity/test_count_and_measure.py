"""The count against what torch's allocator hands out for the same step on the CPU."""

import pytest
import torch
import yaml
from torch.profiler import ProfilerActivity, profile

from checkout import ROOT
from orandnet.capacity.jobs import gpu_jobs, largest_images
from orandnet.capacity.needs import count
from orandnet.capacity.networks import make_network
from orandnet.capacity.work import steps
from orandnet.config.sections import load

CONFIG = load(yaml.safe_load((ROOT / "config.yaml").read_text()))


def measured_peak(job, images):
    """Return the peak of the bytes that torch held on the CPU in a step, network and optimiser included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as made:
        network = make_network(job, images, values=True)
        work = steps(job, images, network, torch.device("cpu"), batch_size=job.batch_size)
        next(work)
    held = peak = 0
    for event in made.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


@pytest.fixture
def other_kernels():
    """Let torch take the kernels of a CPU: those that repeat themselves on a GPU are other ones, and hold more."""
    was = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(was, warn_only=True)


@pytest.mark.usefixtures("other_kernels")
@pytest.mark.parametrize("rule", ["classifier", "orandnet", "segmenter", "prediction"])
def test_the_count_is_within_15_percent_of_what_is_held(rule):
    images = largest_images(CONFIG)
    job = next(job for job in gpu_jobs(CONFIG) if job.rule == rule)
    counted, measured = count(job, images, like_cpu=True).peak, measured_peak(job, images)
    assert 0.85 < counted / measured < 1.15
