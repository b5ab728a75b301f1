"""YAML files that people write: read strictly, checked against a pydantic model, every problem with its line.

YAML 1.2, so ``no`` and ``on`` are text. A duplicate key is an error. Problems are collected, so that they can be
mended in one go; none of them repeats a value, which might be a secret.
"""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from config.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class Misfit(ValueError):
    """Raised inside a validator: what is wrong at `loc` (relative to the value under validation), and the remedy."""

    def __init__(self, message: str, *, loc: Loc = (), remedy: str = "") -> None:
        super().__init__(message)
        self.loc = loc
        self.remedy = remedy


@dataclass(frozen=True)
class Document:
    """A YAML file as plain dicts, lists and scalars, with the line of each key and item.

    `elsewhere` names the place of values laid over those of the file, such as an environment variable.
    """

    data: dict[str, Any] = field(repr=False)
    file: Path
    lines: Mapping[Loc, int] = field(repr=False)
    elsewhere: Mapping[Loc, str] = field(default_factory=dict, repr=False)

    def line_of(self, loc: Loc) -> int | None:
        """The line (from 1) where `loc` stands, or where the innermost part of it that exists stands."""
        return self.lines.get(self.path_of(loc))

    def value_at(self, loc: Loc) -> Any:
        """What stands at `loc`; raises KeyError or IndexError when nothing does."""
        value: Any = self.data
        for part in loc:
            value = value[part]
        return value

    def path_of(self, loc: Loc) -> Loc:
        """The parts of `loc` that exist; names that pydantic adds for unions fall out."""
        path: Loc = ()
        for part in loc:
            if (*path, part) in self.lines or (*path, part) in self.elsewhere:
                path = (*path, part)
        return path

    def error(self, loc: Loc, message: str, remedy: str = "") -> ConfigError:
        """A problem at `loc`, to be raised."""
        place = self.elsewhere.get(self.path_of(loc))
        if place:
            return ConfigError(message, file=place, remedy=remedy)
        return ConfigError(message, file=self.file, line=self.line_of(loc), remedy=remedy)


def read(path: Path) -> Document:
    """The file at `path`. Raises ConfigError when it is missing, is not YAML, or holds a key twice."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("there is no such file.", file=path, remedy="`leadgrade init` writes one.") from None
    except IsADirectoryError:
        raise ConfigError("this is a folder, not a file.", file=path) from None
    except PermissionError:
        raise ConfigError("this file may not be read.", file=path, remedy="Change its permissions.") from None
    except OSError as error:
        raise ConfigError(f"this cannot be read ({error.strerror}).", file=path, remedy="Check the path.") from None
    except UnicodeDecodeError:
        raise ConfigError("this is not UTF-8 text.", file=path, remedy="Save it as UTF-8.") from None
    return parse(text, path)


def parse(text: str, file: Path) -> Document:
    """YAML `text` as a document that says it stands in `file`. Raises ConfigError as `read` does."""
    try:
        node = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        raise ConfigError(
            f"{key!r} stands here a second time.", file=file, line=_line(error), remedy="Keep one of them."
        ) from None
    except MarkedYAMLError as error:
        problem = error.problem or error.context or "it cannot be read"
        if "'\\t'" in problem:
            raise ConfigError(
                "a tab stands here.", file=file, line=_line(error), remedy="YAML is indented with spaces alone."
            ) from None
        raise ConfigError(
            f"this is not YAML: {problem}.",
            file=file,
            line=_line(error),
            remedy="Look at indentation, quotes and colons here and one line above.",
        ) from None
    except YAMLError:
        raise ConfigError("this is not YAML.", file=file) from None
    lines: dict[Loc, int] = {(): 1}
    data = _plain(node, (), lines)
    if not isinstance(data, dict | None):
        raise ConfigError("this is no mapping.", file=file, line=1, remedy="Write `key: value` lines at the top level.")
    return Document(data or {}, file, lines)


def _line(error: MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else int(mark.line) + 1


def _plain(node: Any, loc: Loc, lines: dict[Loc, int]) -> Any:
    if isinstance(node, CommentedMap):
        plain = {}
        for key, value in node.items():
            inner = (*loc, key)
            # Keys that came through a merge (<<) have no line of their own.
            lines[inner] = node.lc.data[key][0] + 1 if key in (node.lc.data or {}) else lines[loc]
            plain[key] = _plain(value, inner, lines)
        return plain
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            inner = (*loc, index)
            lines[inner] = node.lc.data[index][0] + 1 if index in (node.lc.data or {}) else lines[loc]
            items.append(_plain(value, inner, lines))
        return items
    for scalar in (bool, int, float, str):
        if isinstance(node, scalar):
            return scalar(node)
    return node


def validate(document: Document, model: type[M], context: dict[str, Any] | None = None) -> M:
    """The document as an instance of `model`.

    Raises ConfigErrors with every problem, each with its line; an unknown key comes with a "did you mean".
    """
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as error:
        raise ConfigErrors(problems(document, model, error)) from None


def problems(document: Document, model: type[BaseModel], error: ValidationError) -> list[ConfigError]:
    """What pydantic found, in the order of the file, worded for the person who wrote it."""
    found: dict[tuple[Loc, str], ConfigError] = {}
    details = [(_located(detail), detail) for detail in error.errors(include_url=False, include_input=False)]
    paths = [document.path_of(loc) for loc, _ in details]
    for number, (loc, detail) in enumerate(details):
        path = paths[number]
        deeper = any(other[: len(path)] == path for n, other in enumerate(paths) if n != number)
        # Of a union's branches, those that expect quite another kind of value say nothing worth reading.
        if deeper and detail["type"] in _WRONG_KIND and len(loc) > len(path):
            continue
        message, remedy = _worded(model, path, loc, detail)
        found.setdefault((path, message), document.error(loc, message, remedy))
    return sorted(found.values(), key=lambda problem: problem.line or 0)


_WRONG_KIND = {"string_type", "model_type", "dict_type", "list_type", "int_type", "float_type", "none_required"}


def _located(detail: ErrorDetails) -> Loc:
    cause = detail.get("ctx", {}).get("error")
    return (*detail["loc"], *cause.loc) if isinstance(cause, Misfit) else detail["loc"]


def _worded(model: type[BaseModel], path: Loc, loc: Loc, detail: ErrorDetails) -> tuple[str, str]:
    kind = detail["type"]
    cause = detail.get("ctx", {}).get("error")
    where = dotted(path)
    if isinstance(cause, Misfit):
        return str(cause), cause.remedy
    if kind == "value_error":
        return str(cause), ""
    if kind == "extra_forbidden":
        known = sorted(known_keys(model, loc[:-1]))
        inside = f" in {dotted(path[:-1])!r}" if path[:-1] else ""
        return f"unknown key {loc[-1]!r}{inside}.", did_you_mean(str(loc[-1]), known)
    if kind == "missing":
        inside = f" in {where!r}" if where else ""
        return f"{loc[-1]!r} is missing{inside}.", "Add it."
    text = detail["msg"]
    text = text.removeprefix("Input ").removeprefix("Value ")
    return f"{where!r} {text[:1].lower()}{text[1:].rstrip('.')}.", ""


def dotted(loc: Loc) -> str:
    """A place as people say it: ``engagement.rules[3].points``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def did_you_mean(word: str, known: list[str]) -> str:
    """A remedy naming the nearest of `known`, or all of them when they are few, or nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known here: {', '.join(known)}." if 0 < len(known) <= 24 else ""


def known_keys(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that `model` takes at `loc`, aliases included; of all branches where several are possible."""
    here: list[Any] = [model]
    for part in loc:
        inner = [kind for annotation in here for kind in _into(annotation, part)]
        # A name that pydantic adds for a union's branch leads nowhere in the types: stay.
        here = inner or here
    models = [kind for annotation in here for kind in _models(annotation)]
    return {name for kind in models for name in _fields(kind)}


def known_places(model: type[BaseModel]) -> list[Loc]:
    """Where a value may stand in `model`, sections inside sections; keys of the user's own making excepted."""
    places: list[Loc] = []
    for name, annotation in _fields(model).items():
        inner = [place for section in _models(annotation) for place in known_places(section)]
        places += [(name, *place) for place in inner] or [(name,)]
    return places


def known_types(model: type[BaseModel], loc: Loc) -> list[Any]:
    """The types that `model` takes at `loc`, one by one; none when there is no such place."""
    here: list[Any] = [model]
    for part in loc:
        here = [kind for annotation in here for kind in _into(annotation, part)]
    return [leaf for annotation in here for leaf in _branches(annotation)]


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [leaf for branch in get_args(annotation) for leaf in _branches(branch)]
    if hasattr(annotation, "__value__"):  # a `type X = ...` alias
        return _branches(annotation.__value__)
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [leaf for leaf in _branches(annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)]


def _into(annotation: Any, part: str | int) -> list[Any]:
    """The annotations one step inside `annotation`, at key or index `part`."""
    inner = []
    for leaf in _branches(annotation):
        origin, arguments = get_origin(leaf), get_args(leaf)
        if origin is Literal:
            continue
        if isinstance(leaf, type) and issubclass(leaf, BaseModel):
            inner += [kind for name, kind in _fields(leaf).items() if name == part]
        elif isinstance(part, int) and arguments:
            inner.append(arguments[0])
        elif len(arguments) == 2:
            inner.append(arguments[1])
    return inner
