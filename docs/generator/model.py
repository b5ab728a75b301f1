"""The page of the model's keys, from the JSON Schema that editors use."""

from __future__ import annotations

from typing import Any

from config.model import json_schema
from docs.generator.markdown import code, page, table

INTRODUCTION = """\
Every key that `scoring.yaml` takes, as `leadgrade schema` tells it to your editor. What the keys do together, with
examples: [the model](../model/index.md). A key in **bold** has to be there.
"""

PREFIX = "#/$defs/"


def model() -> str:
    """The keys of the file, then of every part that stands in it, in the order in which they are met."""
    schema = json_schema()
    parts = schema["$defs"]
    order: list[str] = []
    _meet(schema, parts, order)
    sections = [table_of(schema)]
    for name in order:
        part = parts[name]
        sections += [f"## {name}", part.get("description", "").replace("``", "`"), *_shapes(part)]
    return page("Keys of the model", INTRODUCTION, *sections)


def _shapes(part: dict[str, Any]) -> list[str]:
    """The ways in which a part may be written: a line of the short ones, a table of the keys of each mapping."""
    branches = part.get("anyOf", [part])
    short = dict.fromkeys(_takes(branch) for branch in branches if "properties" not in branch)
    tables = [table_of(branch) for branch in branches if "properties" in branch]
    if not short:
        return tables
    line = f"Written as {' or '.join(short)}"
    return [f"{line}; or with keys:" if tables else f"{line}.", "\n\nor\n\n".join(tables)]


def _meet(node: Any, parts: dict[str, Any], order: list[str]) -> None:
    """Put the parts that `node` speaks of into `order`, each followed by those that it speaks of itself."""
    if isinstance(node, list):
        for each in node:
            _meet(each, parts, order)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix(PREFIX)
        if name and name not in order:
            order.append(name)
            _meet(parts[name], parts, order)
        for key, each in node.items():
            if key not in {"$defs", "default"}:
                _meet(each, parts, order)


def table_of(part: dict[str, Any]) -> str:
    """The keys of one part; empty for a part that is no mapping."""
    needed = part.get("required", ())
    rows = [
        (
            f"**{code(name)}**" if name in needed else code(name),
            _takes(about),
            _default(about.get("default")),
            about.get("description", "").replace("``", "`"),
        )
        for name, about in part.get("properties", {}).items()
    ]
    return table(("key", "takes", "default", "meaning"), rows) if rows else ""


def _default(value: Any) -> str:
    return "" if value is None or isinstance(value, dict) or value == [] else code(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _takes(about: dict[str, Any]) -> str:
    """What a key takes, in words."""
    if "$ref" in about:
        name = about["$ref"].removeprefix(PREFIX)
        return f"[{name}](#{name.lower()})"
    branches = about.get("anyOf") or about.get("oneOf")
    if branches:
        return " or ".join(dict.fromkeys(filter(None, map(_takes, branches))))
    if "enum" in about or "const" in about:
        return ", ".join(code(_text(value)) for value in about.get("enum", [about.get("const")]))
    kind = about.get("type")
    if kind == "array":
        inner = _takes(about.get("items", {}))
        return f"list of {inner}" if inner else "list"
    if kind == "object":
        inner = _takes(about.get("additionalProperties") or {})
        return f"mapping to {inner}" if inner else "mapping"
    if about.get("examples"):
        return "such as " + ", ".join(code(_text(value)) for value in about["examples"])
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "switch", "null": ""}
    return _bounded(words.get(str(kind), ""), about)


def _bounded(word: str, about: dict[str, Any]) -> str:
    names = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{word} {about[name]}" for name, word in names.items() if name in about]
    return ", ".join([word, *bounds]) if word else ""
