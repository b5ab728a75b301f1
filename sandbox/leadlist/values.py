"""Cells of the list as the values that each CRM keeps, and the custom properties made for them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from sandbox.leadlist.mapping import ByCrm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.hubspot.portal import Portal
    from sandbox.leadlist.mapping import Column
    from sandbox.leadlist.mapping import Mapping as LeadListMapping
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
    portal: Portal, org: Org, mapping: LeadListMapping, section: tuple[str, ...], kind: str, sobjects: Iterable[str]
) -> None:
    """Make the custom properties of `kind` and fields of `sobjects` that the columns of a section ask for.

    Raises LeadListProblem for a property or field that does not exist and is not to be made.
    """
    columns = mapping.accounts.columns if mapping.accounts is not None and section[0] == "accounts" else mapping.columns
    for name, column in columns.items():
        target = column.hubspot
        if target is not None and column.define is not None:
            data_type, field_type = _HUBSPOT_TYPES[column.define]
            portal.define(kind, target, type=data_type, fieldType=field_type, label=name.replace("_", " "))
        elif target is not None and target not in portal.properties[kind]:
            raise mapping.problem((*section, name), *_unknown(target, portal.properties[kind], f"HubSpot's {kind}"))
        for sobject in sobjects:
            target, known = column.salesforce, org.schema[sobject].fields
            if target is not None and column.define is not None:
                more: dict[str, Any] = {"precision": 18, "scale": 4} if column.define == "number" else {}
                org.define(sobject, target, _SALESFORCE_TYPES[column.define], **more)
            elif target is not None and target not in known:
                raise mapping.problem((*section, name), *_unknown(target, known, f"Salesforce's {sobject}"))


def _unknown(target: str, known: Iterable[str], where: str) -> tuple[str, str]:
    close = difflib.get_close_matches(target, known, 1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{where} has no {target}", f"{hint}A custom one needs define: with its type"


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
