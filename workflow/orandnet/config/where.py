"""Where the results of a config lie. The config is checked first, so that the folder is one of results/ itself."""

from pathlib import Path

from orandnet.config.reading import read_config
from orandnet.config.sections import load

RESULTS = Path("results")


def run_folder(config: Path) -> Path:
    """Return results/<run> of a config file, from the working directory.

    Raises:
        ValueError: if the file is no config; with the key, the value and what to do.
    """
    return RESULTS / load(read_config(config)).run


def run(*, config: str = "config.yaml") -> None:
    """Print the folder of the config's run.

    Args:
        config: the config file.
    """
    print(run_folder(Path(config)))


COMMANDS = {"": run}
