"""Where the results of a config lie. The config is checked first, so that the folder is one of results/ itself."""

from pathlib import Path

import yaml

from orandnet.config.sections import load

RESULTS = Path("results")


def run_folder(config: Path) -> Path:
    """Return results/<run> of a config file, from the working directory.

    Raises:
        ValueError: if the file is no config; with the key, the value and what to do.
    """
    try:
        raw = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{config}: is no YAML, {' '.join(str(error).split())}; correct it.") from None
    return RESULTS / load(raw).run


def run(*, config: str = "config.yaml") -> None:
    """Print the folder of the config's run."""
    print(run_folder(Path(config)))


COMMANDS = {"": run}
