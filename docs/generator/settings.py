"""The page of the settings, from the classes that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, SecretStr

from config.attributes import BUILT_IN, COMPUTED
from config.settings import AttributeSetting, Settings
from config.yaml_file import known_types
from docs.generator.markdown import code, docstring, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

INTRODUCTION = """\
The settings stand in `leadgrade.yaml` (`--config`, or `LEADGRADE_CONFIG`). Every key can be set by environment, nested
with two underscores: `hubspot.portal_id` is `LEADGRADE_HUBSPOT__PORTAL_ID`; lists and mappings are then JSON. What the
environment says goes before what the file says. A **secret** stands in the environment or in a file of its own, never
in `leadgrade.yaml`. Relative paths are relative to the file. Plain `http://` is refused except on loopback. A CRM
without a section is not used. Switches are `true` or `false` and nothing else. An unknown key is refused.

`leadgrade settings` shows every setting in force and where it was set.
"""


def settings() -> str:
    """Every key with what it takes, its default and its meaning, one table a section."""
    parts = []
    for heading, model, above in _sections():
        rows = [
            (code(above + name), _takes(info), code(_default(info)), info.description or "")
            for name, info in model.model_fields.items()
            if not _inner(model, name)
        ]
        about = "" if model is Settings else docstring(model)
        parts += [f"## {heading}", about, table(("key", "takes", "default", "meaning"), rows)]
    names = ", ".join(code(name) for name in (*COMPUTED, *BUILT_IN))
    known = f"Attributes known without a mapping: {names}. Where each CRM keeps them: [attributes](attributes.md)."
    return page("Settings", INTRODUCTION, *parts, known)


def keys(model: type[BaseModel] = Settings, above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key that takes a value, as users write it, with its field."""
    for name, info in model.model_fields.items():
        inner = _inner(model, name)
        if inner is None:
            yield above + name, info
        else:
            yield from keys(inner, f"{above}{name}." + ("<name>." if inner is AttributeSetting else ""))


def _sections(model: type[BaseModel] = Settings, above: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """Heading, class and beginning of the keys of each section, those inside others after them."""
    if any(_inner(model, name) is None for name in model.model_fields):
        yield (code(above.rstrip(".")) if above else "Beside the sections"), model, above
    for name in model.model_fields:
        inner = _inner(model, name)
        if inner is not None:
            yield from _sections(inner, f"{above}{name}." + ("<name>." if inner is AttributeSetting else ""))


def _inner(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The class of a section, or of the entries of a mapping of sections."""
    branches = known_types(model, (name,))
    branches += [inner for branch in branches for inner in get_args(branch)]
    kinds = (kind for kind in branches if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(kinds, None)


def _default(info: FieldInfo) -> str:
    value = None if info.is_required() else info.default
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    text = "" if value is None else str(value)
    return text.lower() if isinstance(value, bool) else text


def _takes(info: FieldInfo) -> str:
    kinds = [kind for kind in _kinds(info.annotation) if kind is not type(None)]
    words = " or ".join(dict.fromkeys(_word(kind) for kind in kinds))
    bounds = [_bound(limit) for limit in info.metadata]
    return ", ".join(filter(None, [words, *bounds]))


def _kinds(annotation: Any) -> list[Any]:
    class Probe(BaseModel):
        value: annotation

    return known_types(Probe, ("value",))


def _word(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, SecretStr):
        return "secret"
    words = {bool: "switch", int: "whole number", float: "number", str: "text"}
    if kind in words:
        return words[kind]
    if getattr(kind, "__name__", "") in {"Path", "PosixPath"}:
        return "path"
    origin = getattr(kind, "__origin__", None)
    if origin is dict:
        return "mapping"
    if origin in {tuple, list}:
        return "list"
    choices = get_args(kind)
    return ", ".join(map(code, choices)) if choices else str(kind)


def _bound(limit: Any) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{word} {getattr(limit, name)}" for name, word in words.items() if hasattr(limit, name))
