"""The rehearsal without a GPU: every network of the published configs on a device that is not there, at full size."""

import pytest
import torch
import yaml
from torch import nn

from checkout import ROOT
from orandnet.capacity import work
from orandnet.capacity.counting import Count
from orandnet.capacity.fake_gpu import GPU, fake_tensors
from orandnet.capacity.jobs import gpu_jobs, largest_images
from orandnet.capacity.needs import FEW_OFFSETS, count
from orandnet.capacity.networks import make_network
from orandnet.config.sections import load

DEVICES = "two different devices|on the same device"  # torch's words, from one operation to the next


def config(name):
    return load(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


def published_jobs():
    """Yield each job of the published configs whose network, loss or attribution no other has, with its images."""
    seen = set()
    for name in ("voc2012", "coco2014", "voc2012_official", "voc2012_clip"):
        chosen = config(name)
        for job in gpu_jobs(chosen):
            own, network = job.settings[0], job.settings[-1]
            form = (
                job.rule,
                getattr(network, "kind", None),
                getattr(getattr(network, "backbone", network), "model", None),
                getattr(own, "attribution", None),
                getattr(own, "loss", None),
                getattr(own, "crops", None),
                getattr(own, "raw_background", None),
                getattr(own, "pad_to_window", None),
            )
            if form not in seen:
                seen.add(form)
                yield pytest.param(job, largest_images(chosen), id=f"{name}-{job.rule}-{job.names[0]}")


def quicker(job):
    """The same job, but for IRN's loss, which takes thousands of kernels: with fewer of its 152 offsets."""
    if job.rule != "irn":
        return job
    return job._replace(settings=(job.settings[0].model_copy(update={"radius": FEW_OFFSETS}),))


def network_kind(job):
    """The kind of a classifier; None of other networks."""
    return getattr(job.settings[-1], "kind", None)


@pytest.mark.parametrize(("job", "images"), list(published_jobs()))
def test_a_step_or_an_image_goes_through_on_the_device(job, images):
    seen = count(quicker(job), images)
    network = make_network(job, images)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    assert seen.peak > weights
    vit_cams = job.rule == "cam" and network_kind(job) == "vit"
    products = {operation.products for operation in seen.operations if operation.products}
    assert products == ({"float32"} if vit_cams else products | {"bfloat16"})
    assert sum(operation.flops for operation in seen.operations) > 1e9


def jobs_of(rule):
    chosen = config("voc2012")
    return next(job for job in gpu_jobs(chosen) if job.rule == rule), largest_images(chosen)


@pytest.mark.parametrize("rule", ["orandnet", "orandnet_cam", "prediction", "irn_walk"])
def test_a_network_that_stays_on_the_cpu_is_found(rule, monkeypatch):
    monkeypatch.setattr(work, "place", lambda network, device: network.to(torch.device("cpu")))
    job, images = jobs_of(rule)
    if rule == "irn_walk":  # it follows its network
        assert count(job, images).peak == 0
        return
    # what autocast has cast already does not fit the weights on the CPU by its type, and torch says so first
    with pytest.raises(RuntimeError, match=f"{DEVICES}|should be the same"):
        count(job, images)


def test_operands_on_two_devices_are_refused():
    with fake_tensors():
        on_gpu = torch.zeros(3, 4).to(GPU)
        with pytest.raises(RuntimeError, match=DEVICES):
            on_gpu + torch.zeros(3, 4)
        with pytest.raises(TypeError, match=r"call \.cpu"):
            on_gpu.numpy()
        assert on_gpu.cpu().numpy().shape == (3, 4)


def test_a_sparse_product_is_of_one_device_too():
    with fake_tensors():
        parts = torch.zeros(4, dtype=torch.int32), torch.zeros(5, dtype=torch.int32), torch.zeros(5)
        matrix = torch.sparse_csr_tensor(*(part.to(GPU) for part in parts), (3, 3))
        assert torch.addmm(torch.zeros(3, 2).to(GPU), matrix, torch.zeros(3, 2).to(GPU), beta=-1, alpha=2).shape == (
            3,
            2,
        )
        with pytest.raises(RuntimeError, match="csr_product: operands lie on cpu, cuda:0"):
            matrix @ torch.zeros(3, 2)


def test_all_is_as_before_afterwards():
    before = torch.Tensor.numpy, torch.sparse_csr_tensor, nn.functional.scaled_dot_product_attention
    with fake_tensors():
        pass
    assert before == (torch.Tensor.numpy, torch.sparse_csr_tensor, nn.functional.scaled_dot_product_attention)
    assert not torch.__future__.get_overwrite_module_params_on_conversion()
    network = nn.Linear(2, 2)
    network(torch.ones(1, 2)).sum().backward()
    assert network.weight.grad.tolist() == [[1, 1], [1, 1]]


def test_the_count_of_a_layer_is_that_by_hand():
    layer, images = nn.Linear(1024, 2048, bias=False), torch.zeros(512, 1024)
    seen, kilo = Count(GPU), 4 * 1024 * 1024  # bytes of 1024 x 1024 numbers
    with fake_tensors(seen, like_cpu=True):
        layer.to(GPU)
        moved = images.to(GPU)
        assert seen.live == 2 * kilo + kilo // 2
        seen.start_anew()
        output = layer(moved)
        assert seen.live == 2 * kilo + kilo // 2 + kilo
        view = output.view(-1)
        assert seen.live == 2 * kilo + kilo // 2 + kilo
        (operation,) = [operation for operation in seen.operations if operation.flops]
        assert operation.flops == 2 * 512 * 1024 * 2048
        assert operation.bytes == 2 * kilo + kilo // 2 + kilo
        loss = output.sum()
        del output, view
        loss.backward()
        gradient = 2 * kilo
        assert seen.live == 2 * kilo + kilo // 2 + gradient + 512  # the loss takes a block
        assert seen.peak >= seen.live
    assert layer.weight.grad.shape == (2048, 1024)
