"""What the columns of a lead list mean (YAML). `docs/examples/leadlist-elearning.yaml` explains every key."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from sandbox.leadlist.table import LeadListProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = str | bool | int | float | None


class Part(BaseModel):
    """A part of the mapping: strict about keys, fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class ByCrm(Part):
    """A value that the CRMs word differently."""

    hubspot: Value = None
    salesforce: Value = None


class Column(Part):
    """Where each CRM keeps a column. `define` makes a custom property and field of that type."""

    hubspot: str | None = None
    salesforce: str | None = None
    values: dict[str, Value | ByCrm] | None = None  # text in the list -> value in the CRM; nothing: leave empty
    scale: float | None = None  # a number is multiplied by it
    define: Literal["text", "number", "boolean"] | None = None


class Counter(Part):
    """How often something happened: a column, or the product of two."""

    column: str
    times: str | None = None


class Counters(Part):
    """What the web site counted."""

    visits: Counter | None = None
    page_views: Counter | None = None


class LastActivity(Part):
    """What a lead did last."""

    column: str
    values: dict[str, Literal["email", "call", "visit"] | None]


class Converted(Part):
    """Which leads became customers."""

    column: str
    value: str


class Shares(Part):
    """How many of the leads each CRM gets, relative to each other."""

    hubspot: float = Field(default=1, ge=0)
    salesforce: float = Field(default=1, ge=0)
    both: float = Field(default=1, ge=0)


class Accounts(Part):
    """The companies, a row each. Leads belong to the one their column `lead_column` names, or are dealt out in turn."""

    file: Path  # relative to the lead list
    optional: bool = False  # no such file: no companies
    key: str
    lead_column: str | None = None
    columns: dict[str, Column] = {}


class Deals(Part):
    """The deals, a row each, belonging to accounts by the accounts' key."""

    file: Path  # relative to the lead list
    optional: bool = False
    account: str
    stage: str
    stages: dict[str, Literal["open", "won", "lost"]]
    name: str | None = None
    amount: str | None = None
    opened: str | None = None
    closed: str | None = None
    shift_to_now: bool = True  # move all dates so that the newest falls on the present day


class Mapping(Part):
    """The whole of the mapping."""

    id: str
    email: str | None = None  # column; made up when there is none
    days: int = Field(default=120, ge=1)  # leads came in and were active over so many days before now
    crms: Shares = Shares()
    columns: dict[str, Column] = {}
    counters: Counters = Counters()
    last_activity: LastActivity | None = None
    converted: Converted | None = None
    accounts: Accounts | None = None
    deals: Deals | None = None
    _file: Path = PrivateAttr(default=Path())
    _lines: dict[tuple[str, ...], int] = PrivateAttr(default_factory=dict)  # keys from the top -> line

    def problem(self, keys: tuple[str, ...], message: str, remedy: str) -> LeadListProblem:
        """An error about what stands under `keys`."""
        return LeadListProblem(self._file, self._lines.get(keys), f"{'.'.join(keys)}: {message}", remedy)

    def lead_columns(self) -> list[str]:
        """The columns the lead list must have."""
        found: list[str | None] = [self.id, self.email, *self.columns]
        for counter in (self.counters.visits, self.counters.page_views):
            found += [counter.column, counter.times] if counter is not None else []
        found += [part.column for part in (self.last_activity, self.converted) if part is not None]
        found += [self.accounts.lead_column] if self.accounts is not None else []
        return [column for column in found if column is not None]


def load(path: Path) -> Mapping:
    """Read a mapping. Raises LeadListProblem that names the line."""
    try:
        data = YAML(typ="rt").load(path)  # round-trip keeps line numbers and makes plain values only
    except FileNotFoundError:
        raise LeadListProblem(path, None, "there is no such file", "Correct the path") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise LeadListProblem(path, line, f"this is not YAML: {error.problem}", "Correct the line") from None
    if not isinstance(data, dict):
        raise LeadListProblem(path, 1, "a mapping of keys is expected", "See docs/examples/leadlist-elearning.yaml")
    try:
        mapping = Mapping.model_validate(data)
        mapping._file, mapping._lines = path, dict(_lines(data))  # noqa: SLF001 - only the loader knows them
        return mapping
    except ValidationError as error:
        # A misspelt key also shows as a missing one; the misspelling is the better news.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        place = ".".join(str(part) for part in first["loc"])
        raise LeadListProblem(path, _line(data, first["loc"]), f"{place}: {first['msg']}", _remedy(first)) from None


def _line(data: Any, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest key of `loc` that is in the file."""
    line = 1
    for part in loc:
        if not isinstance(data, dict) or part not in data:
            break
        line = data.lc.key(part)[0] + 1  # type: ignore[attr-defined]  # ruamel's mappings know their lines
        data = data[part]
    return line


def _lines(data: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every key of the file with its line."""
    for key, value in data.items() if isinstance(data, dict) else ():
        yield (*above, str(key)), _line(data, (key,))
        yield from _lines(value, (*above, str(key)))


def _remedy(error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return "Correct the value"
    known = {name for part in Part.__subclasses__() for name in part.model_fields}
    close = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
    return f"Did you mean {close[0]}?" if close else "Remove the key"
