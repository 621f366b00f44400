"""The count against what torch's allocator hands out for the same step on the CPU."""

import pytest
import torch
import yaml

from checkout import ROOT
from memory_count import handed_out
from orandnet.capacity.jobs import gpu_jobs, largest_images
from orandnet.capacity.needs import count
from orandnet.config.sections import load

CONFIG = load(yaml.safe_load((ROOT / "config.yaml").read_text()))


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
    counted, measured = count(job, images, like_cpu=True).peak, handed_out(job, images)
    assert 0.85 < counted / measured < 1.15
