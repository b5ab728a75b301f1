"""Caps at every level: of rules, of groups; over all time and per window.

A window is kept as a number, its bucket: for calendar windows the day they begin with (counted from a Monday), for
visits the day and the visit's number, for campaigns the campaign's number, and 0 for all time. A wider window's bucket
follows from a narrower one's, so caps are applied one after the other, the narrowest first, each to the sums that the
one before has left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from config.model_counting import CAMPAIGN, VISIT
from config.model_values import micro
from scoring import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.model_counting import Cap
    from config.model_sections import ActivityRule, Engagement

NO_CAP: Final = 2**52
"""Micro-points that no sum reaches, yet exact in a DOUBLE."""

BY_CAMPAIGN: Final = -1
"""The width of a campaign, which is no time."""

SAME: Final = 1
"""The width that leaves every bucket as it is."""

_VISITS_A_DAY: Final = 1_000_000
Level = tuple[int, int]
"""The width of a window (0 for all time) and the most micro-points in it."""


@dataclass(frozen=True)
class Limits:
    """The caps of the rules and groups of `section`."""

    section: Engagement

    def window(self, rule: ActivityRule) -> int | str | None:
        """The narrowest window in which points of `rule` are limited, by itself or its group; None for all time."""
        caps = [*rule.at_most, *(self.section.groups[rule.group].max if rule.group is not None else ())]
        return next((cap.per for cap in _ordered(caps) if cap.per is not None), None)

    @cached_property
    def by_visit(self) -> bool:
        """Whether anything is limited, counted or folded per visit."""
        folds = (group.fold for group in self.section.groups.values())
        counts = (rule.count.per for rule in self.section.rules)
        return VISIT in {*folds, *counts, *(self.window(rule) for rule in self.section.rules)}

    @cached_property
    def day(self) -> int:
        """The width of a day: between two days there is room for the visits of one."""
        return _VISITS_A_DAY if self.by_visit else 1

    def width(self, window: int | str | None) -> int:
        """The width of a window, as `bucket` takes it."""
        if window is None:
            return 0
        return {VISIT: SAME, CAMPAIGN: BY_CAMPAIGN}[window] if isinstance(window, str) else window * self.day

    def bucket(self, width: str, day: str, visit: str = "0", campaign: str = "0") -> str:
        """SQL: the bucket of an event of UTC day `day` (DATE), for the width in SQL expression `width`."""
        days = sql.days_between(sql.MONDAY, day)
        kind = "INTEGER" if self.day == 1 else "BIGINT"
        instant = days if self.day == 1 else f"(CAST({days} AS BIGINT) * {self.day} + COALESCE({visit}, 0))"
        return (
            f"CASE WHEN {width} = 0 THEN 0 WHEN {width} = {BY_CAMPAIGN} THEN {campaign} "
            f"ELSE {_wider(instant, width, kind)} END"
        )

    def levels(self, rule: ActivityRule) -> list[Level]:
        """The caps of a rule, the narrowest first; at least one."""
        window = self.width(self.window(rule))
        own = [(self.width(cap.per), micro(cap.points)) for cap in _ordered(rule.at_most)]
        return own if own and own[0][0] == window else [(window, NO_CAP), *own]

    def group_levels(self, group: str) -> list[Level]:
        """The caps per window of a group, the narrowest first."""
        caps = _ordered(self.section.groups[group].max)
        return [(self.width(cap.per), micro(cap.points)) for cap in caps if cap.per is not None]

    @cached_property
    def has_windows(self) -> bool:
        """Whether some cap is per window."""
        return any(self.window(rule) is not None for rule in self.section.rules)

    @cached_property
    def depth(self) -> int:
        """How many caps the rule with most caps has."""
        return max((len(self.levels(rule)) for rule in self.section.rules), default=1)

    @cached_property
    def group_depth(self) -> int:
        """How many caps per window the group with most such caps has."""
        return max((len(self.group_levels(name)) for name in self.section.groups), default=0)

    def wider_levels(self) -> pa.Table:
        """A row per rule: `rule`, and `per2`, `cap2`, `per3` ... of the caps after the narrowest."""
        rows = [self.levels(rule) for rule in self.section.rules]
        return _level_columns("rule", [row[1:] for row in rows], range(2, self.depth + 1))

    def group_windows(self) -> pa.Table:
        """A row per place of a group: `grp`, and `per1`, `cap1`, `per2` ... of its caps per window."""
        rows = [*(self.group_levels(name) or [(0, NO_CAP)] for name in self.section.groups), [(0, NO_CAP)]]
        return _level_columns("grp", rows, range(1, self.group_depth + 1))

    def place_of(self, group: int | None) -> int:
        """The place of a group in the tables; that after all others is for the rules of no group."""
        return len(self.section.groups) if group is None else group

    def group_limits(self) -> pa.Table:
        """A row per place of a group: `grp`, `name`, and `highest` and `lowest` micro-points over all time."""
        groups = self.section.groups.values()
        lasting = [[micro(cap.points) for cap in group.max if cap.per is None] for group in groups]
        highest = [*(min(caps, default=NO_CAP) for caps in lasting), NO_CAP]
        lowest = [*(-NO_CAP if group.min is None else micro(group.min) for group in groups), -NO_CAP]
        return pa.table(
            {
                "grp": pa.array(range(len(highest)), pa.int32()),
                "name": pa.array([*self.section.groups, ""], pa.string()),
                "highest": pa.array(map(float, highest), pa.float64()),
                "lowest": pa.array(map(float, lowest), pa.float64()),
            }
        )


def capped(value: str, cap: str) -> str:
    """SQL: `value`, or `cap` with its sign where it is beyond."""
    return f"CASE WHEN {value} > {cap} THEN {cap} WHEN {value} < -{cap} THEN -{cap} ELSE {value} END"


def capped_windows_sql(limits: Limits, keys: Sequence[str], counted: str, *, has_parts: bool) -> str:
    """SELECT of (keys, rule, bucket, nominal, decayed, capped, n, set_aside, last_at), all caps of rules applied.

    `counted` is a SELECT of (keys, rule, bucket, cap, nominal, decayed, n, set_aside, last_at), with a row for each
    term of a rule where `has_parts`. Reads `wider_levels` when some rule has several caps.
    """
    listed = ", ".join(keys)
    rows = f"({counted})"
    if has_parts:
        rows = f"""(
            SELECT {listed}, rule, bucket, cap, SUM(nominal) AS nominal, SUM(decayed) AS decayed, SUM(n) AS n,
                   SUM(set_aside) AS set_aside, MAX(last_at) AS last_at
            FROM {rows} c GROUP BY {listed}, rule, bucket, cap)"""
    rows = f"""(
        SELECT {listed}, rule, bucket, nominal, decayed, {capped("decayed", "cap")} AS capped, n, set_aside, last_at
        FROM {rows} c)"""
    for place in range(2, limits.depth + 1):
        wider = f"CASE WHEN w.per{place} = 0 THEN 0 ELSE {_wider('c.bucket', f'w.per{place}', 'BIGINT')} END"
        rows = f"""(
            SELECT {listed}, rule, bucket, nominal, decayed, {capped("capped", "cap")} AS capped, n, set_aside, last_at
            FROM (SELECT {", ".join(f"c.{key}" for key in keys)}, c.rule, {wider} AS bucket, w.cap{place} AS cap,
                         SUM(c.nominal) AS nominal, SUM(c.decayed) AS decayed, SUM(c.capped) AS capped, SUM(c.n) AS n,
                         SUM(c.set_aside) AS set_aside, MAX(c.last_at) AS last_at
                  FROM {rows} c JOIN wider_levels w ON w.rule = c.rule GROUP BY ALL))"""
    return f"SELECT * FROM {rows} c"


def group_sums_sql(limits: Limits, keys: Sequence[str], capped_rows: str) -> str:
    """SELECT of (keys, grp, whole, micro): the points of a group before and after its limits.

    `capped_rows` is a relation (keys, rule, bucket, capped); the bucket is read only where limits of groups are per
    window. Reads `rule_terms`, `group_windows` and `group_limits`.
    """
    listed, row = ", ".join(keys), ", ".join(f"c.{key}" for key in keys)
    points = "CAST(c.capped AS DOUBLE)"  # sums of DOUBLE are cheaper than those of BIGINT, and as exact
    if not limits.section.groups:
        return f"""
            SELECT {listed}, 0 AS grp, whole, whole AS micro
            FROM (SELECT {listed}, SUM({points}) AS whole FROM {capped_rows} c GROUP BY {listed})"""
    source = f"{capped_rows} c JOIN rule_terms t ON t.rule = c.rule"
    sums = f"SELECT {row}, t.grp, SUM({points}) AS whole, SUM({points}) AS micro FROM {source} GROUP BY {row}, t.grp"
    if limits.group_depth:
        rows = f"(SELECT {row}, t.grp, c.bucket, {points} AS whole, {points} AS micro FROM {source})"
        for place in range(1, limits.group_depth + 1):
            wider = f"CASE WHEN w.per{place} = 0 THEN 0 ELSE {_wider('c.bucket', f'w.per{place}', 'BIGINT')} END"
            rows = f"""(
                SELECT {listed}, grp, bucket, whole, LEAST(micro, cap) AS micro
                FROM (SELECT {row}, c.grp, {wider} AS bucket, w.cap{place} AS cap,
                             SUM(c.whole) AS whole, SUM(c.micro) AS micro
                      FROM {rows} c JOIN group_windows w ON w.grp = c.grp GROUP BY ALL))"""
        sums = f"SELECT {listed}, grp, SUM(whole) AS whole, SUM(micro) AS micro FROM {rows} c GROUP BY {listed}, grp"
    return f"""
        SELECT {listed}, grp, whole,
               CASE WHEN micro > highest THEN highest WHEN micro < lowest THEN lowest ELSE micro END AS micro
        FROM ({sums}) JOIN group_limits USING (grp)"""


def _wider(bucket: str, width: str, kind: str) -> str:
    """SQL: the bucket of the window of `width` that holds `bucket`; a campaign's stays what it is."""
    # `//` would cut towards zero and make one window of the two around the epoch.
    return f"CAST(FLOOR({bucket} / ABS({width})) AS {kind}) * ABS({width})"


def _ordered(caps: Sequence[Cap]) -> list[Cap]:
    return sorted(caps, key=lambda cap: math.inf if cap.per is None else 0 if isinstance(cap.per, str) else cap.per)


def _level_columns(name: str, rows: Sequence[Sequence[Level]], places: range) -> pa.Table:
    columns = {name: pa.array(range(len(rows)), pa.int32())}
    for place in places:
        levels = [dict(enumerate(row, places.start)).get(place, (SAME, NO_CAP)) for row in rows]
        columns[f"per{place}"] = pa.array([width for width, _ in levels], pa.int64())
        columns[f"cap{place}"] = pa.array([float(cap) for _, cap in levels], pa.float64())
    return pa.table(columns)
