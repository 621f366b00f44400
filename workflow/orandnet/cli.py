"""The command line: `orandnet <stage> [command] --option value`, made from the stages' signatures.

A stage is imported only when its command runs, so that a command that needs no torch does not wait for it. Two options
of every command say how its job runs, and not what it makes: they count neither as settings nor for a training's key.
"""

import difflib
import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module, metadata
from pathlib import Path

from orandnet.files.manifest import Clock, input_hashes, training_key, write_manifest
from orandnet.job.ending import in_one_line, run_to_the_end
from orandnet.job.fingerprint import fingerprint
from orandnet.job.gpu_slots import take_gpus
from orandnet.job.progress import say
from orandnet.job.startup import leave_out_compiler, no_garbage_collection, products_in_one_thread
from orandnet.job.time_limit import set_time_limit
from orandnet.job.warnings import collected_warnings
from orandnet.options import description, grouped, job_options, make_parser, parameters, positional
from orandnet.settings import MAX_SEED, Section

STAGES = {
    "dataset": "check the images, labels and masks, or draw the embedded scenes, and write the index",
    "classifier": "train a classifier on image-level labels",
    "cam": "make class activation maps, or import those of another method",
    "fusion": "fuse the members' CAMs by OR, AND, MEAN or SUM",
    "orandnet": "train ORANDNet, and refine CAMs with it",
    "irn": "make inter-pixel labels, train the boundary network, spread CAMs by a random walk",
    "refinement": "refine CAMs by a dense CRF, or by segments, without training",
    "pseudo_mask": "turn CAMs into pseudo masks",
    "segmenter": "train DeepLabv1",
    "prediction": "segment images",
    "evaluation": "score CAMs and predictions against ground truth",
    "submission": "write the archive for the PASCAL VOC server, or check one",
    "report": "write tables and figures",
    "export": "write CAMs and pseudo masks for other programs; pack one image's trail for a bug report",
}
TOOLS = {  # commands that are no stage
    "check": "list all that is wrong with a config, its data and weights, before anything is trained",
    "predict": "segment new images with a trained segmenter",
    "where": "print the folder of a config's run",
    "clean": "remove the folder of a config's run, or what in it is out of date",
    "reference": "write the config's schema and key reference",
}
TOOL_MODULES = {
    "check": "check.command",
    "predict": "prediction.command",
    "where": "config.where",
    "clean": "clean.command",
    "reference": "config.reference",
}
# where a tool has the name of a stage: the option that only the tool knows
BY_OPTION = {("cam", "--images"): "cam.command"}


def main(arguments: list[str] | None = None) -> None:
    """Run one command; a problem with the input is one line on standard error and exit code 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in ([], ["-h"], ["--help"]):
        _print_stages()
        raise SystemExit(0)
    if arguments == ["--version"]:
        print(f"orandnet {_version()}")
        raise SystemExit(0)
    stage, *rest = arguments
    if stage not in STAGES | TOOLS:
        say(f"orandnet: {unknown(stage, STAGES | TOOLS, 'command')}")
        raise SystemExit(2)
    leave_out_compiler()
    products_in_one_thread()
    try:
        _run(stage, _prepare_job(stage, rest))
    except Exception as error:
        line = in_one_line(error)
        if line is None or os.environ.get("ORANDNET_TRACEBACK"):
            raise
        say(f"orandnet {stage}: {line}")
        raise SystemExit(1) from None


def _version() -> str:
    try:
        return metadata.version("orandnet")
    except metadata.PackageNotFoundError:  # rules of a checkout that is not installed
        return "of this folder, not installed"


def unknown(given: str, known: Iterable[str], kind: str) -> str:
    """Return a line about a word that is none of those known: the near one, or all."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f"there is no {kind} {given!r}; " + (f"did you mean {near[0]!r}?" if near else f"choose {', '.join(known)}.")


def _print_stages() -> None:
    print("usage: orandnet <stage> [command] [options]; orandnet <stage> [command] --help; orandnet --version")
    for title, commands in (("stages", STAGES), ("and", TOOLS)):
        print(f"\n{title}:")
        for name, line in commands.items():
            print(f"  {name:12} {line}")


def _prepare_job(stage: str, arguments: list[str]) -> list[str]:
    """Set the GPUs and the time limit of this process, before torch is imported; return the other arguments."""
    job, others = job_options().parse_known_args(arguments)
    if "time_limit" in job:
        set_time_limit(job.time_limit)
    if "gpus" in job and (taken := take_gpus(job.gpus)):
        say(f"orandnet {stage}: GPU {', '.join(taken)}")
    return others


def _run(stage: str, arguments: list[str]) -> None:
    module = TOOL_MODULES.get(stage, f"{stage}.stage")
    for (name, option), tool in BY_OPTION.items():
        if name == stage and option in (argument.split("=")[0] for argument in arguments):
            module, arguments = tool, ["--help"] if {"-h", "--help"} & set(arguments) else arguments
    with no_garbage_collection():
        commands = import_module(f"orandnet.{module}").COMMANDS
    name = ""
    if arguments and arguments[0] in commands:
        name, *arguments = arguments
    elif "" not in commands:
        if arguments[:1] in (["-h"], ["--help"]):
            _print_commands(stage, commands)
            return
        if arguments and not arguments[0].startswith("-"):
            raise ValueError(unknown(arguments[0], commands, "command"))
        raise ValueError(f"give one of its commands: {', '.join(commands)}.")
    elif arguments and not arguments[0].startswith("-") and not positional(commands[name]):
        raise ValueError(unknown(arguments[0], filter(None, commands), "command"))
    function = commands[name]
    parser = make_parser(f"orandnet {stage} {name}".strip(), function)
    values = vars(parser.parse_args(arguments))
    _call(f"{stage} {name}".strip(), function, values)


def _print_commands(stage: str, commands: dict[str, Callable]) -> None:
    print(f"usage: orandnet {stage} <command> [options]\n\ncommands: {', '.join(commands)}\n")
    for name, function in commands.items():
        print(f"  {name:12} {description(function).splitlines()[0]}")


def _call(command: str, function: Callable, values: dict) -> None:
    """Run the function and write the manifest of what it made."""
    clock = Clock()
    paths = {
        name: [value] if isinstance(value, Path) else list(value)
        for name, value in values.items()
        if isinstance(value, Path) or (isinstance(value, list) and value and isinstance(value[0], Path))
    }
    outputs = [path for name, files in paths.items() if name.endswith("output") for path in files]
    facts = {
        "stage": command,
        "settings": {n: v.model_dump(mode="json") for n, v in values.items() if isinstance(v, Section)},
        "code": fingerprint(function.__module__),
        "inputs": input_hashes({name: files for name, files in paths.items() if not name.endswith("output")}),
        "random_seed": values.get("random_seed"),
        "options": {n: v for n, v in values.items() if _is_option(v) and n != "device"},
    }
    if not 0 <= (values.get("random_seed") or 0) <= MAX_SEED:
        raise ValueError(f"--random-seed: {values['random_seed']} is no seed; give a number from 0 to {MAX_SEED}.")
    if "key" in parameters(function):
        values = values | {"key": training_key(facts), "state": outputs[0].parent / ".state"}
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
    with collected_warnings() as warnings:
        named = grouped(function, values)
        function(*[named.pop(name) for name in positional(function)], **named)
    if outputs:
        write_manifest(outputs, facts | {"warnings": list(warnings)}, clock)


def _is_option(value: object) -> bool:
    """Return whether a value is text, a number with a fraction, or a list of text."""
    return isinstance(value, str | float) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def program() -> None:
    """Run `main` and end the process."""
    run_to_the_end(main)
