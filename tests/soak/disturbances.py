"""Which troubles a run meets: drawn from all switches of the sandboxes, so that a new one is in by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.hubspot.troubles import TROUBLES as HUBSPOT
from sandbox.salesforce.troubles import TROUBLES as SALESFORCE
from sandbox.wire import TROUBLES as WIRE

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from sandbox.core import Troubles

SWITCHES: Final = sorted({*WIRE, *HUBSPOT, *SALESFORCE})

HUBSPOT_PLACES: Final = ("", "", "/batch/update")
SALESFORCE_PLACES: Final = ("", "", "/composite/sobjects", "/jobs/ingest")
"""Parts of a path at which a trouble may be aimed."""

OF_CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "search_lag": ("contacts", "companies", "calls"),
    "late_commit": ("Lead", "Task", "Account"),
    "same_millisecond": ("contacts", "companies"),
}
"""Switches that act when people change something, and on what."""

CHOICES: Final[Mapping[str, Mapping[str, Sequence[Any]]]] = {
    "apex_limits": {"over": (1, 3)},  # beyond one row: what fails alone is refused for good
    "batch_too_slow": {"over": (1, 10)},
    "cut": {"after": (0, 7, 300)},
    "date_skew": {"seconds": (-600, 600)},
    "drip": {"bytes": (500,), "seconds": (0.0,)},
    "drop_after_write": {},
    "empty_page": {"rows": (0, 3)},
    "hang": {"seconds": (0.0,), "applied": (False, True)},
    "html_502": {"status": (502, 524), "applied": (False, True)},
    "html_error": {"status": (502, 520), "applied": (False, True)},
    "job_failed": {"done": (0, 2), "message": (None, "InternalServerError : UNKNOWN_EXCEPTION")},
    "job_slow": {"polls": (1, 3)},
    "late_commit": {"seconds": (30, 300)},
    "latency": {"seconds": (0.0,)},
    "limit_header": {"value": ("", "nonsense", "api-usage=10/100000; api-bursts=1/750")},
    "migration_477": {"retry_after": (5, 3600)},
    "noisy_neighbour": {"calls": (5, 190)},
    "query_timeout": {"over_rows": (0, 5)},
    "operation_too_large": {"people": (0, 3)},
    "rate_429": {"retry_after": (None, 0, 5), "as_category": (False, True)},
    "restless": {"property": ("hs_object_id",)},
    "same_millisecond": {},
    "search_lag": {"seconds": (5, 40)},
    "search_order": {"ids": ("number", "text"), "shuffle": (False, True)},
    "blanks": {"style": ("empty", "absent")},
    "status": {"code": (406, 420, 429, 500, 503)},
}
"""Settings of a switch to choose from; one that is not named here is turned on as it comes."""

LASTING: Final = frozenset({
    "blanks", "deprecated", "drip", "ignore_trace_ids", "no_207", "no_charset", "no_rate_headers", "repeat_row",
    "restless", "search_order", "search_past_window", "strict_after", "times_with_offset", "whole_as_decimals",
})  # fmt: skip
"""Ways of a server, rather than events."""

ONCE: Final = frozenset({"expire_token", "session_expired", "status"})
"""What is no passing trouble when it happens twice running."""

STOPS: Final[Mapping[str, int]] = {"login_refused": 3, "api_disabled": 3, "refuse": 3, "missing_scope": 3}
"""Troubles that only a person can end, and the exit code with which a run says so."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A switch as it is turned on."""

    name: str
    times: int | None
    match: str
    skip: int
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        settings = "".join(f" {name}={value}" for name, value in self.settings.items())
        return f"{self.name} times={self.times} match={self.match!r} skip={self.skip}{settings}"

    def turn_on(self, troubles: Troubles) -> None:
        """From now on."""
        troubles.set(self.name, times=self.times, match=self.match, skip=self.skip, **self.settings)


def of_a_run(chance: random.Random) -> list[Disturbance]:
    """Troubles of one run."""
    drawn = chance.sample([name for name in SWITCHES if name not in OF_CHANGES], chance.randrange(5))
    return [
        Disturbance(
            name=name,
            times=_times(name, chance),
            match=chance.choice(_places(name)),
            skip=chance.choice((0, chance.randrange(10), chance.randrange(60))),
            settings=_settings(name, chance),
        )
        for name in drawn
    ]


def of_a_history(chance: random.Random) -> list[Disturbance]:
    """Troubles with changes that people make: they show late, or cannot be told apart by their time."""
    return [
        Disturbance(name, None, chance.choice(kinds), 0, _settings(name, chance))
        for name, kinds in OF_CHANGES.items()
        if chance.random() < 0.5
    ]


def _times(name: str, chance: random.Random) -> int | None:
    if name in ONCE:
        return 1
    return None if name in LASTING else chance.choice((1, 1, 2, 5))


def _places(name: str) -> tuple[str, ...]:
    if name in WIRE or name in HUBSPOT.keys() & SALESFORCE.keys():
        return HUBSPOT_PLACES + SALESFORCE_PLACES
    return HUBSPOT_PLACES if name in HUBSPOT else SALESFORCE_PLACES


def _settings(name: str, chance: random.Random) -> dict[str, Any]:
    chosen = {key: chance.choice(values) for key, values in CHOICES.get(name, {}).items()}
    return {key: value for key, value in chosen.items() if value is not None}
