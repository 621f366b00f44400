"""The count against what torch's allocator hands out for the same step on the CPU."""

import pytest
import torch
import yaml

from checkout import ROOT
from memory_count import handed_out, peak_of
from orandnet.capacity.counting import Count
from orandnet.capacity.fake_gpu import GPU, fake_tensors
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
def test_the_count_is_within_10_percent_of_what_is_held(rule):
    images = largest_images(CONFIG)
    job = next(job for job in gpu_jobs(CONFIG) if job.rule == rule)
    counted, measured = count(job, images, like_cpu=True).peak, handed_out(job, images)
    assert 0.9 < counted / measured < 1.1


@pytest.mark.usefixtures("other_kernels")
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("learns", [True, False])
def test_copies_inside_a_convolution_are_counted(order, learns):
    def step(device: torch.device) -> list[torch.Tensor]:
        weights, images = (
            torch.zeros(*shape, device=device).contiguous(memory_format=order).requires_grad_(learned)
            for shape, learned in (((128, 64, 7, 7), learns), ((2, 64, 12, 12), True))
        )
        output = torch.nn.functional.conv2d(images, weights)
        output.backward(torch.ones_like(output))
        return [weights, images]

    seen = Count(GPU, like_cpu=True)
    with fake_tensors(seen, like_cpu=True):
        step(GPU)
    assert 0.97 < seen.peak / peak_of(lambda: step(torch.device("cpu"))) < 1.03
    assert seen.peak > (3 if learns else 2) * 64 * 128 * 49 * 4
