"""Casts of a GPU that is not there against torch's own, which do work where no gradient is taken."""

from unittest.mock import patch

import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from checkout import ROOT
from orandnet.capacity import fake_gpu
from orandnet.capacity.fake_autocast import IN_FLOAT32, IN_WIDEST, OUT_IN_FLOAT32, PRODUCTS
from orandnet.capacity.fake_gpu import GPU, fake_tensors
from orandnet.capacity.jobs import gpu_jobs, largest_images
from orandnet.capacity.networks import make_network
from orandnet.capacity.work import LEARNING
from orandnet.config.sections import load
from orandnet.networks.device import mixed_precision, place


class Kernels(TorchDispatchMode):
    """Lists the kernels that run, with the types of what they make; casts only as what they lead to."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = tuple(value.dtype for value in tree_leaves(out) if isinstance(value, torch.Tensor))
        if made and not func._schema.name.startswith(("prim::", "aten::_to_copy", "aten::detach")):
            self.seen.append((func._schema.name, made))
        return out


class OfTorch(fake_gpu._Answers):
    """Tells torch the device that is asked for, so that its own autocast casts."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.prim.device.default:
            return args[0].fake_device
        return super().__torch_dispatch__(func, types, args, kwargs)


class NoCasts:
    """Stands for our casts where torch's are looked at."""

    def __init__(self, device_type):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        pass


def kernels(job, images, *, of_torch):
    """Return what the loss of a training's first batch runs, without gradients, in bfloat16."""
    network, seen = make_network(job, images), Kernels()
    changes = [(fake_gpu, "_Answers", OfTorch), (fake_gpu, "FakeAutocast", NoCasts)] if of_torch else []
    changes += [(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)] if of_torch else []
    for change in changes:
        patch.object(*change).start()
    try:
        with fake_tensors(seen), torch.no_grad():
            network, learning = place(network, GPU), LEARNING[job.rule](job.settings[0], images)
            batch = tuple(part.to(GPU) for part in learning.batch(2))
            seen.seen.clear()
            with mixed_precision(GPU, "auto"):
                learning.loss(network.train(), batch)
    finally:
        patch.stopall()
    return seen.seen


def trainings():
    """Yield one training of each kind of network of the published experiment."""
    config = load(yaml.safe_load((ROOT / "config/voc2012.yaml").read_text()))
    for job in gpu_jobs(config):
        if job.trains and job.names[0] != "irn_resnet50":
            if job.rule == "irn":
                job = job._replace(settings=(job.settings[0].model_copy(update={"radius": 2}),))
            yield pytest.param(job, largest_images(config), id=f"{job.rule}-{job.names[0]}")


@pytest.mark.parametrize(("job", "images"), list(trainings()))
def test_a_training_is_cast_as_torch_casts_it(job, images):
    ours, of_torch = (kernels(job, images, of_torch=choice) for choice in (False, True))
    assert ours == of_torch
    made = [kinds for _, kinds in ours]
    assert (torch.bfloat16,) in made


# of recurrent networks, refused by autocast, or below the functions that Python calls
NOT_CALLED = set(
    [
        "_convolution", "_cudnn_rnn", "_scaled_dot_product_flash_attention", "_thnn_fused_gru_cell",
        "_thnn_fused_lstm_cell", "binary_cross_entropy", "convolution", "cudnn_convolution",
        "cudnn_convolution_transpose", "frobenius_norm", "gru_cell", "linalg_matrix_norm", "linalg_matrix_sqrth",
        "linalg_vecdot", "lstm_cell", "native_layer_norm", "nll_loss2d", "nuclear_norm", "rnn_relu_cell",
        "rnn_tanh_cell",
    ]
)  # fmt: skip


def test_the_lists_are_those_of_torch():
    registered = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    known = {name.removeprefix("aten::").split(".")[0] for name in registered if name.startswith("aten::")}
    ours = {name.removesuffix("_nd") for name in PRODUCTS | IN_FLOAT32 | OUT_IN_FLOAT32 | IN_WIDEST}
    assert ours | NOT_CALLED == known
