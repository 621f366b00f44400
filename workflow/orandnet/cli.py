"""The command line: `orandnet <stage> [command] --option value`, made from the stages' signatures.

A stage is imported only when its command runs, so that a command that needs no torch does not wait for it. Two options
of every command say how its job runs, and not what it makes: they count neither as settings nor for a training's key.
"""

import argparse
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from pydantic import ValidationError

from orandnet.files.manifest import Clock, input_hashes, training_key, write_manifest
from orandnet.job.ending import in_one_line, run_to_the_end
from orandnet.job.fingerprint import fingerprint
from orandnet.job.gpu_slots import take_gpus
from orandnet.job.progress import say
from orandnet.job.startup import leave_out_compiler
from orandnet.job.time_limit import set_time_limit
from orandnet.job.warnings import collected_warnings
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
    "where": "print the folder of a config's run",
    "clean": "remove the folder of a config's run, or what in it is out of date",
    "reference": "write the config's schema and key reference",
}
TOOL_MODULES = {"where": "config.where", "clean": "clean.command", "reference": "config.reference"}
INJECTED = ("state", "key")  # worked out here, never typed: where an unfinished training is kept, and its name


def main(arguments: list[str] | None = None) -> None:
    """Run one command; a problem with the input is one line on standard error and exit code 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] not in STAGES | TOOLS:
        _print_stages()
        raise SystemExit(0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2)
    stage, *rest = arguments
    leave_out_compiler()
    try:
        _run(stage, _prepare_job(stage, rest))
    except Exception as error:
        line = in_one_line(error)
        if line is None or os.environ.get("ORANDNET_TRACEBACK"):
            raise
        say(f"orandnet {stage}: {line}")
        raise SystemExit(1) from None


def _print_stages() -> None:
    print("usage: orandnet <stage> [command] [options]")
    for title, commands in (("stages", STAGES), ("and", TOOLS)):
        print(f"\n{title}:")
        for name, line in commands.items():
            print(f"  {name:12} {line}")


def _job_options() -> argparse.ArgumentParser:
    """Return the parser of what every command takes and no stage sees."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    job = parser.add_argument_group("how the job runs")
    job.add_argument("--gpus", type=int, help="GPUs to take for this job alone; 0 computes on the CPU")
    job.add_argument(
        "--time-limit", type=float, metavar="MINUTES", help="stop before that, with code 75; start again to go on"
    )
    return parser


def _prepare_job(stage: str, arguments: list[str]) -> list[str]:
    """Set the GPUs and the time limit of this process, before torch is imported; return the other arguments."""
    job, others = _job_options().parse_known_args(arguments)
    if "time_limit" in job:
        set_time_limit(job.time_limit)
    if "gpus" in job and (taken := take_gpus(job.gpus)):
        say(f"orandnet {stage}: GPU {', '.join(taken)}")
    return others


def _run(stage: str, arguments: list[str]) -> None:
    commands = import_module(f"orandnet.{TOOL_MODULES.get(stage, f'{stage}.stage')}").COMMANDS
    name = ""
    if arguments and arguments[0] in commands:
        name, *arguments = arguments
    elif "" not in commands:
        if arguments[:1] in (["-h"], ["--help"]):
            print(f"usage: orandnet {stage} <command> [options]\n\ncommands: {', '.join(commands)}")
            return
        raise ValueError(f"give one of its commands: {', '.join(commands)}.")
    function = commands[name]
    parameters = _parameters(function)
    parser = make_parser(f"orandnet {stage} {name}".strip(), function, parameters)
    values = vars(parser.parse_args(arguments))
    _call(stage, f"{stage} {name}".strip(), function, parameters, values)


def _parameters(function: Callable) -> dict[str, tuple[object, object]]:
    """Return name -> (type, default) of the function's parameters; a named tuple stands for its fields."""
    hints, found = typing.get_type_hints(function), {}
    for name, parameter in inspect.signature(function).parameters.items():
        group = _is_group(hints[name])
        found |= _parameters(hints[name]) if group else {name: (hints[name], parameter.default)}
    return found


def _is_group(annotation: object) -> bool:
    """Return whether a parameter's type is a named tuple, whose fields are options of the command."""
    return isinstance(annotation, type) and hasattr(annotation, "_fields")


def _grouped(function: Callable, values: dict) -> dict:
    """Return the arguments of the function, with those of its named tuples put together."""
    arguments = dict(values)
    for name, annotation in typing.get_type_hints(function).items():
        if _is_group(annotation):
            arguments[name] = annotation(**{field: arguments.pop(field) for field in annotation._fields})
    return arguments


def make_parser(program: str, function: Callable, parameters: dict) -> argparse.ArgumentParser:
    """Return a parser with one `--option` per parameter; a list takes several values."""
    parser = argparse.ArgumentParser(
        prog=program,
        parents=[_job_options()],
        description=inspect.getdoc(function),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, (annotation, default) in parameters.items():
        if name in INJECTED:
            continue
        required = default is inspect.Parameter.empty
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            required=required,
            default=None if required else default,
            **_reader(annotation),
        )
    return parser


def _reader(annotation: object) -> dict:
    """Return argparse's keywords for a parameter's type."""
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    if annotation is bool:
        return {"action": "store_true"}
    if typing.get_origin(annotation) is list:
        return {"type": typing.get_args(annotation)[0], "nargs": "*"}
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return {"type": partial(_read_section, annotation), "metavar": "JSON"}
    return {"type": annotation}


def _read_section(section: type[Section], text: str) -> Section:
    try:
        return section.model_validate_json(text)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc'])) or 'JSON'}: {p['msg']}" for p in error.errors())
        raise argparse.ArgumentTypeError("; ".join(problems)) from None


def _call(stage: str, command: str, function: Callable, parameters: dict, values: dict) -> None:
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
    if "key" in parameters:
        values = values | {"key": training_key(facts), "state": outputs[0].parent / ".state"}
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
    with collected_warnings() as warnings:
        function(**_grouped(function, values))
    if outputs:
        write_manifest(outputs, facts | {"warnings": list(warnings)}, clock)


def _is_option(value: object) -> bool:
    """Return whether a value is text, a number with a fraction, or a list of text."""
    return isinstance(value, str | float) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def program() -> None:
    """Run `main` and end the process."""
    run_to_the_end(main)
