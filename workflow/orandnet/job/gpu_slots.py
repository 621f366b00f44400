"""Which GPU a job computes on, where several jobs share a machine.

Snakemake counts GPUs but does not tell jobs apart. So each job takes the lock of a free device and sees that one alone.
A job that was submitted to SLURM has devices of its own, and that choice stands; in an allocation that holds the whole
of a Snakemake, its jobs share what was assigned. Has to run before torch looks for devices; imports no torch itself.
"""

import fcntl
import os
import re
import subprocess
import tempfile
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
ON_CLUSTER = "ORANDNET_ON_CLUSTER"  # set by the rules where a job was submitted
_held: list[int] = []  # descriptors of this process's locks, open until it ends


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or all there are."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [name for name in (part.strip() for part in named.split(",")) if name and name != "-1"]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(index) for index, _ in enumerate(re.findall(r"^GPU \d+:", listed.stdout, flags=re.MULTILINE))]


def take_gpus(count: int) -> list[str]:
    """Leave `count` GPUs visible to this process, of its own as long as any is free, and return their names.

    0 hides every GPU: the job then runs on the CPU. But a submitted job that asked SLURM for devices in a way that
    Snakemake does not count (`gres`) has 0 and keeps them. If all are taken by other jobs of this user, one of them is
    shared. A device is free again as soon as its process ends, however it ends.

    Returns:
        The names of the devices that this process sees; none without a GPU.
    """
    if count == 0 and not (os.environ.get(ON_CLUSTER) and "SLURM_STEP_GPUS" in os.environ):
        os.environ[VISIBLE] = ""
        return []
    gpus = visible_gpus()
    allocation = os.environ.get("SLURM_JOB_ID", "")
    if not gpus or (allocation and os.environ.get(ON_CLUSTER)):
        return gpus
    folder = _lock_folder()
    taken: list[str] = []
    for gpu in gpus:
        # an allocation may count its devices from 0
        name = re.sub(r"[^A-Za-z0-9-]", "_", f"{allocation}-{gpu}" if allocation else gpu)
        if len(taken) < count and _lock(folder / f"gpu{name}.lock"):
            taken.append(gpu)
    taken = taken or [gpus[os.getpid() % len(gpus)]]
    os.environ[VISIBLE] = ",".join(taken)
    return taken


def _lock_folder() -> Path:
    """Return this user's folder of locks on this machine; never on a shared file system."""
    folder = Path(tempfile.gettempdir()) / f"orandnet-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ValueError(f"{folder}: belongs to another user; remove it, or set TMPDIR to a folder of your own.")
    return folder


def _lock(path: Path) -> bool:
    """Try to lock a file for the rest of this process's life."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # a lock of the process (POSIX): forked loading workers, which may outlive a killed job, do not hold it
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
