"""Several reads in one call. Pure.

A composite call counts as one of the day's, whatever it holds. (Of a composite batch, which looks much the same,
Salesforce counts every part.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson

from connectors.door import Again, Good, Renew, Request, Response
from connectors.errors import ConnectorBug
from connectors.salesforce.errors import CRM, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_PARTS: Final = 25
MOST_QUERIES: Final = 5
"""Of the parts of one call; more are refused."""


class _Sentinel(Enum):
    AGAIN = "again"


AGAIN: Final = _Sentinel.AGAIN
"""What became of a part that met passing trouble: it is to be asked for by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """One read; `path` is below the versioned base."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_query(self) -> bool:
        """Whether it is among those of which a call takes only a few."""
        return self.path in {"/query", "/queryAll"}


def calls(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts in their order, in groups that a call takes."""
    group: list[Part] = []
    for part in parts:
        if len(group) == MOST_PARTS or (part.is_query and sum(one.is_query for one in group) == MOST_QUERIES):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def body(base: str, parts: Sequence[Part]) -> dict[str, Any]:
    """What is sent; `base` is the versioned base."""
    requests = [
        {"method": "GET", "url": base + part.path + _query(part.params), "referenceId": f"part{number}"}
        for number, part in enumerate(parts)
    ]
    return {"allOrNone": False, "compositeRequest": requests}


def told(answer: Any, parts: Sequence[Part]) -> list[Any]:
    """What became of each part: its parsed answer, the ConnectorError that it met, or AGAIN.

    Raises ConnectorBug when the answer does not speak of every part.
    """
    results = answer.get("compositeResponse") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(parts):
        raise ConnectorBug("a composite call was not answered part by part.", crm=CRM)
    return [_of_part(part, result) for part, result in zip(parts, results, strict=True)]


def _of_part(part: Part, result: Mapping[str, Any]) -> Any:
    status = int(result.get("httpStatusCode") or 0)
    if 200 <= status < 300:
        return result.get("body")
    verdict = judge(Request("GET", part.path), Response(status, {}, orjson.dumps(result.get("body"))))
    return AGAIN if isinstance(verdict, Good | Again | Renew) else verdict


def _query(params: Mapping[str, str]) -> str:
    return f"?{urlencode(params)}" if params else ""
