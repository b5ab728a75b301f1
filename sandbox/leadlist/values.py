"""Cells of the list as the values that each CRM keeps, and the custom properties made for them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from sandbox.leadlist.mapping import ByCrm
from sandbox.leadlist.table import LeadListProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sandbox.hubspot.portal import Portal
    from sandbox.leadlist.mapping import Column
    from sandbox.leadlist.table import Row
    from sandbox.salesforce.org import Org

_HUBSPOT_TYPES: Final = {
    "text": ("string", "text"),
    "number": ("number", "number"),
    "boolean": ("bool", "booleancheckbox"),
}
_SALESFORCE_TYPES: Final = {"text": "string", "number": "double", "boolean": "boolean"}
_FALSE: Final = frozenset({"", "0", "no", "false", "n"})


def declare(
    portal: Portal, org: Org, columns: Mapping[str, Column], kind: str, sobjects: Iterable[str], mapping: Path
) -> None:
    """Make the custom properties of `kind` and fields of `sobjects`. Raises LeadListProblem for an unknown target."""
    for name, column in columns.items():
        if column.hubspot is not None and column.define is not None:
            data_type, field_type = _HUBSPOT_TYPES[column.define]
            portal.define(kind, column.hubspot, type=data_type, fieldType=field_type, label=name.replace("_", " "))
        elif column.hubspot is not None:
            _must_exist(name, column.hubspot, portal.properties[kind], f"HubSpot's {kind}", mapping)
        for sobject in sobjects:
            if column.salesforce is not None and column.define is not None:
                more: dict[str, Any] = {"precision": 18, "scale": 4} if column.define == "number" else {}
                org.define(sobject, column.salesforce, _SALESFORCE_TYPES[column.define], **more)
            elif column.salesforce is not None:
                _must_exist(name, column.salesforce, org.schema[sobject].fields, f"Salesforce's {sobject}", mapping)


def _must_exist(column: str, target: str, known: Iterable[str], where: str, mapping: Path) -> None:
    if target not in known:
        close = difflib.get_close_matches(target, known, 1)
        remedy = (
            f"Did you mean {close[0]}? If not, add define: to make a custom one" if close else "Add define: to make it"
        )
        raise LeadListProblem(mapping, None, f"columns.{column}: {where} have no {target}", remedy)


def properties(row: Row, columns: Mapping[str, Column], portal: Portal, kind: str) -> dict[str, Any]:
    """The row's HubSpot properties. Raises LeadListProblem for a value that is no option of an enumeration."""
    found = {}
    for name, column in columns.items():
        if column.hubspot is not None and (value := _value(row, name, column, "hubspot")) is not None:
            options = {option["value"] for option in portal.properties[kind][column.hubspot]["options"]}
            if options and not isinstance(value, bool) and value not in options:
                raise row.problem(
                    f"{name} is not an option of {column.hubspot}", "Translate it with values: in the mapping"
                )
            found[column.hubspot] = value
    return found


def fields(row: Row, columns: Mapping[str, Column]) -> dict[str, Any]:
    """The row's Salesforce fields."""
    return {
        column.salesforce: value
        for name, column in columns.items()
        if column.salesforce is not None and (value := _value(row, name, column, "salesforce")) is not None
    }


def _value(row: Row, name: str, column: Column, crm: str) -> Any:
    text = row[name]
    if column.values is not None:
        if text and text not in column.values:
            raise row.problem(
                f"the mapping's values: of {name} lack what stands here", "Add it, or leave the cell empty"
            )
        value = column.values.get(text)
        return getattr(value, crm) if isinstance(value, ByCrm) else value
    if not text:
        return None
    if column.define == "boolean":
        return text.casefold() not in _FALSE
    if column.define == "number" or column.scale is not None:
        number = row.number(name)
        return None if number is None else number * (column.scale if column.scale is not None else 1)
    return text
