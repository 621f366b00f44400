"""Manifests: beside each artifact, what made it, from what, and at what cost."""

import hashlib
import json
import platform
import resource
import sys
import time
from importlib import metadata
from pathlib import Path

from orandnet.files.atomic import atomic_path

PACKAGES = ("torch", "timm", "torchvision", "numpy", "pillow", "scipy", "pydensecrf2")


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def input_hashes(paths: dict[str, list[Path]]) -> dict[str, dict[str, str]]:
    """Return parameter name -> path -> SHA-256.

    Raises:
        ValueError: if an input does not exist.
    """
    for name, files in paths.items():
        for path in files:
            if not path.is_file():
                raise ValueError(f"--{name.replace('_', '-')}: no file {path}; make it first.")
    return {name: {str(path): sha256(path) for path in files} for name, files in paths.items()}


def manifest_path(output: Path) -> Path:
    """Return where the manifest of an artifact lies: `weights.safetensors` -> `weights.manifest.json`."""
    return output.with_suffix(".manifest.json")


def training_key(facts: dict) -> str:
    """Return the name of a training: another stage, setting, code, input or seed gives another key."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


class Clock:
    """Measures a command: its time and the peak memory of this process and its finished children."""

    def __init__(self) -> None:
        """Start the clock; what the process has done so far, mostly imports, is its start."""
        self.start, self.start_cpu = time.monotonic(), time.process_time()

    def cost(self) -> dict[str, float]:
        """Return what the command has cost so far.

        Returns:
            Wall seconds since the clock started; CPU seconds of the whole process, loading workers included, and those
            of its start; peak memory in MiB.
        """
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return {
            "wall_seconds": round(time.monotonic() - self.start, 3),
            "cpu_seconds": round(sum(part.ru_utime + part.ru_stime for part in used), 3),
            "start_cpu_seconds": round(self.start_cpu, 3),
            "peak_memory_mib": round(max(part.ru_maxrss for part in used) / 1024, 1),
        }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    crf = sys.modules.get("orandnet.crf.kernel")  # of stages that have a CRF
    return found | ({"crf_kernel": crf.in_use()} if crf else {})


def device_name() -> str:
    """Return the GPU's name if torch is in use and sees one, otherwise the processor architecture."""
    torch = sys.modules.get("torch")  # a stage without torch must not pay for its import here
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"cpu ({platform.machine()})"


def write_manifest(outputs: list[Path], facts: dict, clock: Clock) -> None:
    """Write the manifest beside the first output.

    Args:
        outputs: the artifacts of one command.
        facts: stage, settings, code, inputs, seed, and `warnings` (list of `code` and `message`), as JSON holds them.
        clock: started when the command started.
    """
    content = {
        **facts,
        "outputs": {str(path): sha256(path) for path in outputs if path.is_file()},
        "versions": versions(),
        "device": device_name(),
        **clock.cost(),
    }
    with atomic_path(manifest_path(outputs[0])) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")
