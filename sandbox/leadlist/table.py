"""CSV files, read with errors that name file and line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class LeadListProblem(Exception):
    """The lead list or its mapping cannot be used: which file, which line, what is wrong and what to do."""

    def __init__(self, file: Path, line: int | None, message: str, remedy: str) -> None:
        place = f"{file}, line {line}" if line is not None else str(file)
        super().__init__(f"{place}: {message}. {remedy}{'' if remedy.endswith('?') else '.'}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a CSV file. Texts are stripped; an empty one is ""."""

    file: Path
    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def number(self, column: str) -> float | None:
        """The column as a number; None when empty. Raises LeadListProblem when it is no number."""
        text = self.values[column]
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            raise self.problem(f"{column} is not a number", "Correct it or leave it empty") from None

    def date(self, column: str) -> datetime | None:
        """The column as a day (UTC); None when empty. Raises LeadListProblem when it is no date."""
        text = self.values[column]
        if not text:
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise self.problem(f"{column} is not a date", "Write it as YYYY-MM-DD or leave it empty") from None

    def problem(self, message: str, remedy: str) -> LeadListProblem:
        """An error about this row. It must not repeat the row's values: they may be personal."""
        return LeadListProblem(self.file, self.line, message, remedy)


def read(path: Path, needed: Iterable[str]) -> list[Row]:
    """The rows of a CSV file with a header. Raises LeadListProblem when it, or a `needed` column, is not there."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            for column in needed:
                if column not in header:
                    there = f"there is no column {column!r} (there are: {', '.join(header)})"
                    raise LeadListProblem(path, 1, there, "Correct the mapping")
            rows = []
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise LeadListProblem(
                        path, reader.line_num, f"{len(cells)} cells under {len(header)} columns", "Correct the line"
                    )
                rows.append(Row(path, reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))))
            return rows
    except FileNotFoundError:
        raise LeadListProblem(path, None, "there is no such file", "Correct the path") from None
    except UnicodeDecodeError:
        raise LeadListProblem(path, None, "the file is not UTF-8", "Save it as UTF-8") from None
