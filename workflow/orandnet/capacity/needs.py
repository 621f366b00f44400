"""How much memory of a GPU each rule of a config needs, and what to do where there is less."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch

from orandnet.capacity.counting import Count
from orandnet.capacity.fake_gpu import GPU, fake_tensors
from orandnet.capacity.jobs import Images, Job, gpu_jobs, largest_images
from orandnet.capacity.networks import make_network
from orandnet.capacity.table import Cost, counted, needed
from orandnet.capacity.work import steps
from orandnet.config.sections import Config
from orandnet.irn.random_walk import forget_structures

FEW_OFFSETS = 4  # radius of IRN's loss where only memory is asked for: it goes from offset to offset and keeps nothing


class Need(NamedTuple):
    """What a rule needs of a GPU.

    Attributes:
        job: the rule, whom it is done for, and its batch.
        memory_mib: MiB of the device.
        fitting: images at a time that fit in the device asked about, 0 if not even one does; None if none was named.
        advice: what to write in the config where the batch does not fit; "" where it does.
    """

    job: Job
    memory_mib: int
    fitting: int | None = None
    advice: str = ""


def gpu_needs(config: Config, device_mib: int | None = None) -> list[Need]:
    """Return what each GPU job of a config needs, those of equal settings together.

    What the package's table does not hold is counted, in one to ten seconds for each; so is one image at a time, where
    a batch does not fit.

    Args:
        config: checked.
        device_mib: memory of the device at hand, MiB; None if there is none to compare with.
    """
    return list(_each_need(config, device_mib))


def _each_need(config: Config, device_mib: int | None) -> Iterator[Need]:
    images = largest_images(config)
    for job in gpu_jobs(config):
        cost = counted().get(job.key(images))
        peak = cost.peak_mib if cost else peak_mib(job, images)
        need = Need(job, needed(peak))
        if device_mib is None:
            yield need
        elif need.memory_mib <= device_mib:
            yield need._replace(fitting=job.batch_size)
        else:
            yield _advised(need, peak_mib(job, images, batch_size=1), device_mib)


def _advised(need: Need, peak_of_one: float, device_mib: int) -> Need:
    """Return the need with the batch that fits.

    A peak is the highest of several sums that grow evenly with the batch, so between one image and the whole batch it
    lies on or below the straight line: what the line lets fit, fits.
    """
    job = need.job
    accumulate = job.settings[0].training.accumulate if job.trains else 1
    at_once = -(-job.batch_size // accumulate)
    room, whole = device_mib - needed(peak_of_one), need.memory_mib - needed(peak_of_one)
    if room < 0:
        return need._replace(fitting=0, advice="not even one image at a time fits: smaller images or another network")
    if at_once == 1 or whole <= 0:
        return need._replace(fitting=1, advice="one image at a time already: smaller images or another network")
    fitting = 1 + int(room / whole * (at_once - 1))
    if not job.trains:
        return need._replace(fitting=fitting, advice=f"batch_size: {fitting}")
    return need._replace(fitting=fitting, advice=f"training: {{accumulate: {-(-job.batch_size // fitting)}}}")


def count(job: Job, images: Images, *, batch_size: int | None = None, like_cpu: bool = False) -> Count:
    """Count one step, batch or image of a job on a GPU that is not there.

    Args:
        job: which.
        images: what they are like.
        batch_size: images at a time; the job's own by default.
        like_cpu: as a CPU does it: in float32, with its form of the optimiser and the copies of its convolution.
    """
    network, seen = make_network(job, images), Count(GPU, like_cpu=like_cpu)
    forget_structures()
    try:
        with fake_tensors(seen, like_cpu=like_cpu):
            work = steps(job, images, network, GPU, batch_size=batch_size or job.batch_size)
            next(work)
            work.close()
    finally:
        forget_structures()  # what it keeps for the next image of the size has no numbers
    return seen


def peak_mib(job: Job, images: Images, *, batch_size: int | None = None) -> float:
    """Return the peak of a job's storages in MiB."""
    if job.rule == "irn":
        job = job._replace(settings=(job.settings[0].model_copy(update={"radius": FEW_OFFSETS}),))
    if batch_size and job.trains:  # one image has no parts
        settings = job.settings[0]
        training = settings.training.model_copy(update={"accumulate": 1})
        job = job._replace(settings=(settings.model_copy(update={"training": training}),))
    return count(job, images, batch_size=batch_size).peak / 2**20


def cost_of(job: Job, images: Images) -> Cost:
    """Return all that is kept of a job's count in the package's table."""
    whole, flops = count(job, images), Counter()
    for operation in whole.operations:
        flops[operation.products] += operation.flops
    return Cost(
        peak_mib=round(whole.peak / 2**20),
        gflop=round(flops.total() / 1e9, 1),
        gbyte=round(sum(operation.bytes for operation in whole.operations) / 1e9, 2),
        operations=len(whole.operations),
        products=flops.most_common(1)[0][0],
    )


def memory_at_hand() -> int | None:
    """Return the MiB of the GPU that a job would take, None without one."""
    return torch.cuda.get_device_properties(0).total_memory // 2**20 if torch.cuda.is_available() else None
