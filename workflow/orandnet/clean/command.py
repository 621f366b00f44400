"""Forget the results of a run, or those in it that its config does not know."""

import shutil
from pathlib import Path

from orandnet.clean.stale import remove, stale_files
from orandnet.config.merging import merged_config
from orandnet.config.sections import Config, load
from orandnet.config.where import RESULTS

LOCKS = Path(".snakemake/locks")


def run(*, config: list[str] | None = None, stale: str | None = None, yes: bool = False) -> None:
    """Remove the folder of the config's run under results/, whatever lies in it; with --stale, what is out of date.

    With `--stale RUN` the files are listed that the config does not ask for, such as those of other seeds, shards and
    methods, or of images that are no longer in the data set, and the temporary files of killed jobs. `--yes` removes
    them. Logs, packed trails, and what lies outside the folders of the stages stay.

    Args:
        config: the config files as Snakemake was given them, the later over the earlier; default: config.yaml.
        stale: name of the run, which must be that of the config.
        yes: remove what is listed.
    """
    files = [Path(name) for name in config or ["config.yaml"]]
    its = load(merged_config(files))
    folder = RESULTS / its.run
    if yes and stale is None:
        raise ValueError("--yes: goes with --stale RUN; without it, `clean` removes the whole run.")
    if stale is not None and stale.rstrip("/").removeprefix("results/") != its.run:
        raise ValueError(
            f"--stale: {files[-1]} is the config of the run {its.run!r}, not of {stale!r}; give its own with --config."
        )
    if folder.is_symlink():
        raise ValueError(f"{folder}: is a link to {folder.resolve()}; remove the two yourself if both may go.")
    if not folder.exists():
        print(f"{folder}: is not there")
    elif stale is not None:
        _clean_stale(folder, its, yes=yes)
    else:
        shutil.rmtree(folder)
        print(f"{folder}: removed")


def _clean_stale(folder: Path, config: Config, *, yes: bool) -> None:
    if LOCKS.is_dir() and any(LOCKS.iterdir()):
        raise ValueError(f"{LOCKS}: Snakemake is at work here, or was killed; wait, or run `snakemake --unlock` first.")
    found = stale_files(config, folder)
    for path in found:
        print(path)
    size = sum(path.lstat().st_size for path in found) / 1e6
    if yes:
        remove(found, folder)
    print(f"{folder}: {len(found)} files, {size:.1f} MB, " + ("removed" if yes else "to be removed with --yes"))


COMMANDS = {"": run}
