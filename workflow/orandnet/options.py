"""Options of a command, from the signature and the docstring of the function behind it."""

import argparse
import difflib
import inspect
import re
import types
import typing
from collections.abc import Callable
from functools import partial

from pydantic import ValidationError

from orandnet.config.errors import describe
from orandnet.settings import Section

# worked out by the command line, never typed: where an unfinished training is kept, and its name
INJECTED = ("state", "key")
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$")
_ENTRY = re.compile(r"^    (\w+): (.*)$")
_MORE = re.compile(r"^ {8}\s*(\S.*)$")


def description(documented: Callable) -> str:
    """Return what the docstring says before its first section: what the command does."""
    lines = (inspect.getdoc(documented) or "").splitlines()
    end = next((number for number, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    return "\n".join(lines[:end]).strip()


def option_lines(documented: Callable) -> dict[str, str]:
    """Return parameter -> its text in the section Args (of a named tuple Attributes), each on one line."""
    found: dict[str, str] = {}
    section = name = ""
    for line in (inspect.getdoc(documented) or "").splitlines():
        if heading := _SECTION.match(line):
            section, name = heading[1], ""
        elif section in ("Args", "Attributes"):
            if entry := _ENTRY.match(line):
                name, found[entry[1]] = entry[1], entry[2]
            elif name and (more := _MORE.match(line)):
                found[name] += f" {more[1]}"
    return found


def job_options() -> argparse.ArgumentParser:
    """Return the parser of what every command takes and no stage sees."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    job = parser.add_argument_group("how the job runs")
    job.add_argument("--gpus", type=int, help="GPUs to take for this job alone; 0 computes on the CPU")
    job.add_argument(
        "--time-limit", type=float, metavar="MINUTES", help="stop before that, with code 75; start again to go on"
    )
    return parser


def positional(function: Callable) -> list[str]:
    """Return the parameters that are given without the name of an option: those before a `/`."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_ONLY]


def parameters(function: Callable) -> dict[str, tuple[object, object]]:
    """Return name -> (type, default) of the function's parameters; a named tuple stands for its fields."""
    hints, found = typing.get_type_hints(function), {}
    for name, parameter in inspect.signature(function).parameters.items():
        group = _is_group(hints[name])
        found |= parameters(hints[name]) if group else {name: (hints[name], parameter.default)}
    return found


def _is_group(annotation: object) -> bool:
    """Return whether a parameter's type is a named tuple, whose fields are options of the command."""
    return isinstance(annotation, type) and hasattr(annotation, "_fields")


def grouped(function: Callable, values: dict) -> dict:
    """Return the arguments of the function, with those of its named tuples put together."""
    arguments = dict(values)
    for name, annotation in typing.get_type_hints(function).items():
        if _is_group(annotation):
            arguments[name] = annotation(**{field: arguments.pop(field) for field in annotation._fields})
    return arguments


def make_parser(program: str, function: Callable) -> argparse.ArgumentParser:
    """Return a parser with one `--option` per parameter; a list takes several values."""
    parser = _Parser(
        prog=program,
        parents=[job_options()],
        description=description(function),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    lines, unnamed = _option_lines(function), positional(function)
    for name, (annotation, default) in parameters(function).items():
        if name in INJECTED:
            continue
        reader = _reader(annotation) | {"help": lines.get(name, "").replace("%", "%%")}
        required = default is inspect.Parameter.empty
        if name in unnamed:
            several = {"nargs": "+" if required else "*"} if "nargs" in reader else {} if required else {"nargs": "?"}
            parser.add_argument(name, metavar=name.upper(), default=None if required else default, **reader | several)
        else:
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, required=required, default=None if required else default, **reader)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that names the option which an unknown one is near to."""

    def error(self, message: str) -> typing.NoReturn:
        options = [option for action in self._actions for option in action.option_strings]
        words = message.partition("unrecognized arguments: ")[2].split()
        near = [near for word in words for near in difflib.get_close_matches(word.partition("=")[0], options, n=1)]
        super().error(f"{message}; did you mean {' '.join(near)}?" if near else message)


def _option_lines(function: Callable) -> dict[str, str]:
    """Return parameter -> line of help, also those of its named tuples."""
    groups = (annotation for annotation in typing.get_type_hints(function).values() if _is_group(annotation))
    return {name: line for documented in (*groups, function) for name, line in option_lines(documented).items()}


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
        raise argparse.ArgumentTypeError(describe(error, section).replace("\n", "; ")) from None
