"""Parts of a network that do not learn."""

from torch import nn


def freeze_layers(network: nn.Module, layers: list[str]) -> None:
    """Stop the parameters whose names begin with one of `layers` from learning, in place.

    Raises:
        ValueError: if a layer does not exist.
    """
    for start in layers:
        chosen = [parameter for name, parameter in network.named_parameters() if name.startswith(start)]
        if not chosen:
            names = [name for name, _ in network.named_children()]
            raise ValueError(f"frozen_layers: no layer's name begins with {start!r}; choose from {names}.")
        for parameter in chosen:
            parameter.requires_grad_(False)


def freeze_batch_norm(network: nn.Module) -> None:
    """Put every batch normalisation into inference mode, in place; call after each `network.train()`."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def freeze_affine(network: nn.Module) -> None:
    """Stop the weights and biases of every batch normalisation from learning, in place."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.requires_grad_(False)
