"""Errors of the config in one line each: the key's path, the value, and what to do."""

import difflib
import types
import typing

from pydantic import BaseModel, ValidationError

PARTS_OF_TYPES = ("constrained-", "list[", "dict[", "[key]")  # in pydantic's paths, and no keys of the config


def describe(error: ValidationError, model: type[BaseModel], place: str = "") -> str:
    """Return one line per problem.

    Args:
        error: what pydantic found.
        model: the model that was being filled.
        place: path of the model's section in the config, if it is not the whole.
    """
    return "\n".join(_line(problem, model, place) for problem in error.errors())


def _line(problem: dict, model: type[BaseModel], place: str) -> str:
    path = [str(part) for part in problem["loc"] if not str(part).startswith(PARTS_OF_TYPES)]
    key = ".".join([*filter(None, [place]), *path]) or "config"
    if problem["type"] == "extra_forbidden":
        known = known_keys(model, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(known)}."
        return f"{key}: unknown key; {advice}"
    if problem["type"] == "missing":
        return f"{key}: is missing; add it."
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    if problem["type"] in ("model_type", "dict_type"):
        return f"{key}: is {problem['input']!r}, but holds keys; write them below it, or leave the key out."
    if problem["type"] == "value_error":
        return f"{key}: {message}."
    return f"{key}: {message}, but the value is {problem['input']!r}; change it."


def known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that the section at `path` may have; none where it is no section."""
    current: object = model
    for part in path:
        current = _inner(current, part)
        if current is None:
            return []
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _inner(current: object, part: str) -> object | None:
    """Return the type behind one step of the path."""
    if isinstance(current, type) and issubclass(current, BaseModel):
        field = current.model_fields.get(part)
        return None if field is None else _section(field.annotation)
    if typing.get_origin(current) is dict:
        return _section(typing.get_args(current)[1])
    return None


def _section(annotation: object) -> object:
    """Return the annotation without `| None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation
