"""Weights and training states as safetensors, and weights of others: plain numbers, no code is run on reading."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from orandnet.files.atomic import atomic_path
from orandnet.files.regular import open_regular, reason
from orandnet.settings import Section

METADATA_KEY = "orandnet"
BACKBONE = "backbone."  # starts the names of its tensors, in every network
Described = TypeVar("Described", bound=Section)


def save_weights(path: Path, state_dict: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and text metadata; the file appears under its name when it is whole.

    Args:
        path: the file.
        state_dict: name -> tensor, any device.
        metadata: name -> text; use JSON for structured values.
    """
    tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in state_dict.items()}
    with atomic_path(Path(path), synced=True) as temporary:
        # one key: the file format keeps no order among several, and equal weights must give equal bytes;
        # not save_file, whose files only their owner may read
        temporary.write_bytes(save(tensors, metadata={METADATA_KEY: encode(dict(metadata))}))


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return (name -> CPU tensor, metadata) of a safetensors file.

    Raises:
        ValueError: if the file is missing, no plain file, or not a safetensors file with our metadata.
    """
    open_regular(path, what="weights file").close()
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
            if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
                raise ValueError(f"its metadata {METADATA_KEY} is no mapping of text")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise ValueError(
            f"{path}: not a readable safetensors file ({reason(error)}); make or fetch it again."
        ) from error


def load_torch_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return name -> CPU tensor of a file that `torch.save` wrote; anything but plain tensors is refused unread.

    Raises:
        ValueError: if the file is damaged, asks for code, or holds something else than named tensors.
    """
    open_regular(path, what="weights file").close()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises nearly anything
        if "TorchScript" in str(error):
            raise ValueError(
                f"{path}: is a TorchScript archive, which is a program; where you trust it, save its tensors once: "
                "torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(), 'weights.pt')."
            ) from error
        raise ValueError(f"{path}: not a torch file of plain tensors ({reason(error)}); save a state_dict.") from error
    if not isinstance(content, Mapping) or not all(isinstance(part, torch.Tensor) for part in content.values()):
        raise ValueError(f"{path}: holds no mapping of names to tensors; save a state_dict.")
    return dict(content)


def foreign_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return name -> CPU tensor of another project's file: safetensors by its ending, else a torch file of tensors.

    Raises:
        ValueError: if the file is missing or damaged, asks for code, or holds something else than named tensors.
    """
    return load_weights(path)[0] if Path(path).suffix == ".safetensors" else load_torch_weights(path)


def described(path: Path | str, metadata: Mapping[str, str], key: str, section: type[Described]) -> Described:
    """Return the settings that a weights file holds under a key of its metadata.

    Raises:
        ValueError: if it holds none, or such as this version does not know.
    """
    try:
        return section.model_validate_json(metadata[key])
    except (KeyError, ValidationError) as error:
        reason = "no settings" if isinstance(error, KeyError) else "settings that are not understood"
        raise ValueError(
            f"{path}: holds {reason} of {key}; give weights that the stage of this version wrote."
        ) from None


def described_classes(path: Path | str, metadata: Mapping[str, str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the class names that a weights file was trained for.

    Args:
        path: the file, for messages.
        metadata: its metadata.
        wanted: the classes of the data set, which must be the same in the same order; None takes any.

    Raises:
        ValueError: with both lists, if they differ.
    """
    try:
        found = tuple(str(name) for name in json.loads(metadata["classes"]))
    except (KeyError, ValueError, TypeError):
        raise ValueError(f"{path}: does not tell its classes; train it again.") from None
    if wanted is not None and found != tuple(wanted):
        raise ValueError(
            f"{path}: trained for the classes {found}, but the data set has {tuple(wanted)}; train on this data set."
        )
    return found


def fill_network(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], path: Path | str) -> None:
    """Bring a network to the weights of a file, in place.

    Raises:
        ValueError: if names or shapes are others than the network's, so that it is another architecture or head; or if
            numbers are not finite.
    """
    own = network.state_dict()
    missing, further = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    unfit = sorted(name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape)
    for names, what in ((missing, "lacks"), (further, "has besides"), (unfit, "has in another shape")):
        if names:
            name = names[0]
            shapes = f", {tuple(weights[name].shape)} for {tuple(own[name].shape)}" if names is unfit else ""
            raise ValueError(
                f"{path}: {what} {len(names)} of the {len(own)} tensors of the network it describes, first "
                f"{name}{shapes}; train it again."
            )
    spoilt = sorted(name for name, tensor in weights.items() if not torch.isfinite(tensor).all())
    if spoilt:
        raise ValueError(f"{path}: {len(spoilt)} tensors hold nan or inf, first {spoilt[0]}; train it again.")
    network.load_state_dict(dict(weights))


def load_backbone(network: torch.nn.Module, path: Path) -> None:
    """Start a network's backbone from the tensors `backbone.*` of another network's weights file.

    Raises:
        ValueError: if names or shapes do not fit, so that nothing is silently left at random values.
    """
    weights, _ = load_weights(path)
    backbone = {name: tensor for name, tensor in weights.items() if name.startswith(BACKBONE)}
    own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(BACKBONE)}
    missing = sorted(own.keys() - backbone.keys())
    unfit = [name for name in own.keys() & backbone.keys() if own[name].shape != backbone[name].shape]
    if missing or unfit:
        raise ValueError(
            f"{path}: {len(missing)} backbone tensors are missing and {len(unfit)} differ in shape, "
            f"for example {(missing + sorted(unfit))[0]}; use the same backbone in both sections."
        )
    network.load_state_dict({name: backbone[name] for name in own}, strict=False)


def encode(value: object) -> str:
    """Return JSON with sorted keys, for metadata."""
    return json.dumps(value, sort_keys=True)
