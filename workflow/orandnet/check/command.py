"""Command `check`: what is wrong with a config, before hours are spent on it."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from orandnet.config.merging import merged_config
from orandnet.config.sections import Config, load
from orandnet.dataset.index import CLASSES
from orandnet.dataset.listing import refuse_without_test
from orandnet.dataset.settings import Settings as DatasetSettings
from orandnet.screen.finished import run_warnings


def run(config: list[str], /, *, skip_data: bool = False, gpu_mem_mb: int | None = None, threads: int = 1) -> None:
    """List all that is wrong with a config, its data, imported CAMs, networks and weights; train nothing.

    Ends with exit code 1 if anything is. Also shown are the warnings that finished jobs of the run have left.

    Args:
        config: the config files as Snakemake is given them, the later over the earlier.
        skip_data: do not open images, masks and imported CAM files.
        gpu_mem_mb: memory of the GPU that jobs would run on; default: that of this machine's, if it has one.
        threads: number of files that are decoded at a time.
    """
    raw = merged_config(Path(name) for name in config)
    report = _Report()
    checked = report.of("config", lambda: _config_faults(raw))
    with TemporaryDirectory(prefix="orandnet-check-") as temporary:
        folder = Path(temporary)
        if not skip_data and (settings := _dataset_of(raw)) is not None:
            _check_data(report, settings, checked, folder, threads)
        if checked is not None:
            _check_networks(report, checked, _num_classes(checked, folder))
            _check_memory(checked, gpu_mem_mb)
    if checked is not None:
        _show_warnings(checked)
    if report.faults:
        print(f"\n{report.faults} fault{'s' if report.faults > 1 else ''}")
        raise SystemExit(1)
    print("\nnothing is wrong")


class _Report:
    """Prints topic by topic, and counts the faults."""

    def __init__(self) -> None:
        self.faults = 0

    def of(self, topic: str, work: Callable[[], tuple[list[str], str, object]]) -> object:
        """Print the faults that `work` returns, or the word on what is right; hand on its third value."""
        faults, right, value = work()
        self.faults += len(faults)
        print(f"{topic:10} {f'{len(faults)} faults' if len(faults) > 1 else '1 fault' if faults else right}")
        for line in faults:
            print(f"  {line}")
        return value


def _config_faults(raw: object) -> tuple[list[str], str, Config | None]:
    try:
        config = load(raw)
    except ValueError as error:
        return str(error).splitlines(), "", None
    try:
        if "test" in config.prediction.splits:
            refuse_without_test(config.dataset)
    except ValueError as error:
        return [str(error)], "", config
    parts = (f"run {config.run}", f"{len(config.sources)} sources", f"{len(config.ensembles)} ensembles")
    return [], f"ok: {', '.join(parts)}, {len(config.segmenter.methods)} segmenters", config


def _dataset_of(raw: object) -> DatasetSettings | None:
    """Return the section `dataset` if it is right by itself, so that data is checked beside a faulty config."""
    section = raw.get("dataset", {}) if isinstance(raw, dict) else None
    try:
        return None if section is None else DatasetSettings.model_validate(section)
    except ValidationError:  # which the check of the config names
        return None


def _check_data(report: _Report, settings: DatasetSettings, config: Config | None, folder: Path, threads: int) -> None:
    from orandnet.check.data import data_faults, import_faults, prediction_faults, segment_faults, unread

    if (why := unread(settings)) is not None:
        report.of("data", lambda: ([], why, None))
        return
    report.of("data", lambda: (data_faults(settings, folder, threads=threads), f"ok: {settings.root}", None))
    for source in config.imported if config is not None else []:
        its = config.import_of(source)
        report.of(f"cams of {source}", lambda its=its: (import_faults(its, folder), f"ok: {its.path}", None))
    for name in config.predictions if config is not None else []:
        its = config.prediction_import_of(name)
        report.of(f"predictions of {name}", lambda its=its: (prediction_faults(its, folder), f"ok: {its.path}", None))
    if config is not None and (section := config.refinement.sam).cams:
        report.of("segments", lambda: (segment_faults(section, folder), f"ok: {section.path}", None))


def _num_classes(config: Config, folder: Path) -> int:
    """Return the number of foreground classes, as far as it is known without the run."""
    written = folder / CLASSES
    if written.is_file():
        return len(json.loads(written.read_text(encoding="utf-8"))["classes"])
    return max(1, len(config.dataset.file_ids))


def _check_networks(report: _Report, config: Config, num_foreground: int) -> None:
    from orandnet.check.networks import network_faults

    def work() -> tuple[list[str], str, None]:
        faults, from_hub = network_faults(config, num_foreground)
        fetched = f"; weights that timm fetches from its hub: {', '.join(from_hub)}" if from_hub else ""
        return faults, f"ok{fetched}", None

    report.of("networks", work)


def _check_memory(config: Config, gpu_mem_mb: int | None) -> None:
    """Say which jobs need more memory than the GPU has, and what to write then; nothing where no GPU is known."""
    from orandnet.capacity.jobs import all_names
    from orandnet.capacity.needs import gpu_needs, memory_at_hand

    there = gpu_mem_mb or memory_at_hand()
    if there is None:
        return
    needs = gpu_needs(config, there)
    most = max((need.memory_mib for need in needs), default=0)
    lacking = [need for need in needs if need.advice]
    print(f"{'GPU memory':10} {f'{len(lacking)} warnings' if lacking else 'ok'}: {most} of {there} MB at most")
    for need in lacking:
        print(f"  {all_names([need.job])[0]} needs {need.memory_mib} MB; {need.advice}")


def _show_warnings(config: Config) -> None:
    """Print the doubts that stand in the manifests of the run's finished jobs."""
    found = run_warnings(config)
    if found:
        print("\nwarnings of the jobs that have ended:")
    for warning in found:
        print(f"  {warning.stage} ({', '.join(warning.artifacts[:3])}): {warning.message}")


COMMANDS = {"": run}
