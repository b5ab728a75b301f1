"""Values on their way in: text everywhere, checked against the property's definition (section 4 of the rules: A)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot import times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.hubspot.definitions import Definition

LONGEST_TEXT: Final = 65_536  # characters; documented for note bodies (A), assumed for the rest (D)
_EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused."""

    name: str
    code: str
    message: str


def to_text(value: object) -> str:
    """A value of a population as HubSpot keeps it: None is "", booleans and times in HubSpot's spelling."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return times.to_iso(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check(
    definitions: Mapping[str, Definition], given: Mapping[str, Any], held: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """The values to store ("" clears) and the problems of one input; `held` is what the record holds now."""
    accepted: dict[str, str] = {}
    problems: list[Problem] = []
    for name, raw in given.items():
        definition = definitions.get(name)
        if definition is None or definition["archived"]:
            problems.append(Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
        elif definition["modificationMetadata"]["readOnlyValue"]:
            problems.append(
                Problem(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
            )
        else:
            value = _null(name) if raw is None else _canonical(definition, to_text(raw), held.get(name, ""))
            if isinstance(value, Problem):
                problems.append(value)
            else:
                accepted[name] = value
    return accepted, problems


def _null(name: str) -> Problem:
    """Clearing is done with "", and null is not documented for writes, so it is refused (D)."""
    return Problem(name, "NULL_VALUE", "null is not a value.")


def _canonical(definition: Definition, value: str, held: str) -> str | Problem:
    name = definition["name"]
    if not value:
        return ""
    match definition["type"]:
        case "number":
            return value if _is_number(value) else Problem(name, "INVALID_INTEGER", f"{value} was not a valid integer.")
        case "bool":
            return value if value in {"true", "false"} else _not_an_option(definition, value)
        case "enumeration":
            return _enumeration(definition, value, held)
        case "datetime":
            try:
                return times.to_iso(times.parse(value))
            except (ValueError, OverflowError):
                return Problem(name, "INVALID_LONG", f"{value} was not a valid long.")
        case "date":
            try:
                return times.parse_date(value).isoformat()
            except (ValueError, OverflowError) as error:
                code = "INVALID_DATE" if "midnight" in str(error) else "INVALID_LONG"
                return Problem(name, code, f"{value} is not a day: {error}.")
        case _:
            return _text(definition, value)


def _text(definition: Definition, value: str) -> str | Problem:
    name = definition["name"]
    if name == "email":
        lowered = value.strip().lower()
        return (
            lowered
            if _EMAIL.fullmatch(lowered)
            else Problem(name, "INVALID_EMAIL", f"Email address {value} is invalid")
        )
    if len(value) > LONGEST_TEXT:
        return Problem(name, "INVALID_STRING_LENGTH", f"the value is longer than {LONGEST_TEXT} characters.")
    return value


def _is_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and "_" not in text


def _enumeration(definition: Definition, value: str, held: str) -> str | Problem:
    allowed = {option["value"] for option in definition["options"]}
    if definition["fieldType"] != "checkbox":
        # Owners, deal stages and the like keep their options elsewhere, so any value passes here (B).
        passes = value in allowed or (definition["externalOptions"] and not allowed)
        return value if passes else _not_an_option(definition, value)
    chosen = [part.strip() for part in value.split(";") if part.strip()]
    if any(part not in allowed for part in chosen):
        return _not_an_option(definition, value)
    if value.startswith(";"):
        chosen = [*filter(None, held.split(";")), *chosen]
    return ";".join(dict.fromkeys(chosen))


def _not_an_option(definition: Definition, value: str) -> Problem:
    allowed = ", ".join(option["value"] for option in definition["options"])
    return Problem(definition["name"], "INVALID_OPTION", f"{value} was not one of the allowed options: [{allowed}]")
