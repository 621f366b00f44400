"""A batch that is too large for a device, in parts that fit: one optimiser step, the gradient of the whole batch.

Losses here are means over what a batch holds: over pixels that are not ignored, background and foreground apart, or
over pairs of pixels by kind. Such a mean is not the mean of the means of its parts. So the loss is taken once, of the
outputs of the whole batch, whatever it is. What is done in parts is the network: each part goes through it without its
activations being kept, and a second time when its gradient is due (gradient checkpointing; Chen et al., "Training
deep nets with sublinear memory cost", 2016, with the cut between images instead of layers). That costs one more
forward pass.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Output = Tensor | dict[str, Tensor]


def in_parts(network: nn.Module, number: int, seed: tuple[int, ...]) -> Callable[..., Output]:
    """Return the network as a function that takes a batch in `number` parts; the network itself for 1.

    Args:
        network: (tensors of a batch) -> a tensor, or named ones, of the same batch.
        number: parts, of equal size as far as that goes; as many as there are images where there are fewer.
        seed: names the step. Dropout of each part follows from it and the part's number.
    """
    if number == 1:
        return network

    def forward(*batch: Tensor) -> Output:
        parts = zip(*(tensor.chunk(number) for tensor in batch), strict=True)
        return _joined([_kept_small(network, (*seed, index), part) for index, part in enumerate(parts)])

    return forward


def _kept_small(network: nn.Module, seed: tuple[int, ...], part: tuple[Tensor, ...]) -> Output:
    """Return the output of a part, which keeps of its activations nothing but what makes them again."""

    def run(*tensors: Tensor) -> Output:
        torch.manual_seed(hash(seed))  # the second pass drops out what the first did
        return network(*tensors)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _statistics_as_they_are(network)

    return checkpoint(run, *part, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def _statistics_as_they_are(network: nn.Module) -> Iterator[None]:
    """Keep batch normalisation from counting a part's statistics again on the second pass."""
    counting = [
        (module, module.momentum, module.num_batches_tracked)
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training and module.track_running_stats
    ]
    for module, _, number in counting:
        module.momentum, module.num_batches_tracked = 0.0, number.clone()
    try:
        yield
    finally:
        for module, momentum, number in counting:
            module.momentum, module.num_batches_tracked = momentum, number


def _joined(outputs: list[Output]) -> Output:
    if isinstance(outputs[0], dict):
        return {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
    return torch.cat(outputs)
