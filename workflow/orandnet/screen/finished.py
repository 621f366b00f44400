"""What the manifests of a run say, as far as it has been made: the jobs, and all warnings."""

from pathlib import Path

from orandnet.config.sections import Config
from orandnet.files.manifest import manifest_path
from orandnet.files.places import all_shards, first_shards
from orandnet.plan.jobs import made
from orandnet.report.page.jobs import Job, Warned, read_job, warned


def finished_jobs(config: Config) -> list[Job]:
    """Return the jobs of a run whose manifests are there, in the order of the stages, those of the report left out.

    Paths count from the working directory, as Snakemake's do.

    Raises:
        ValueError: names a manifest that cannot be read.
    """
    paths = (path for first in first_shards(made(config)) for path in all_shards(manifest_path(Path(first))))
    return [read_job(path) for path in paths if path.is_file()]


def run_warnings(config: Config) -> list[Warned]:
    """Return all that the jobs of a run doubt, as far as it has been made; see `finished_jobs`."""
    return warned(finished_jobs(config))
