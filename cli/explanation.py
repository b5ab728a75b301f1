"""One person's ledger, as people read it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

import typer

from cli.context import Output
from cli.output import console, show_json, table
from scoring.facts import OUTPUT_BY_NAME

if TYPE_CHECKING:
    from insights.explain import Explanation


def show_explanation(found: Explanation, output: Output) -> None:
    """Records, a table per axis that sums, and what follows from the sums."""
    if output is Output.JSON:
        show_json(found.as_json())
        return
    records = [(part.crm, part.kind, part.record_id, part.stage, part.removed) for part in found.records]
    table("Records", ["crm", "kind", "record id", "stage there", "removed"], records)
    scores = found.scores
    if scores.gate is not None:
        console().print(f"Gate: {scores.gate}\n")
    for axis in found.axes:
        _show_axis(found, axis)
    facts = {
        "Rating": scores.rating,
        "Fit grade": _grade(found),
        "Fact most worth finding": scores.next_fact,
        "Trend": scores.trend,
        "Stage": scores.stage if scores.stage == scores.stage_before else _moved(scores.stage_before, scores.stage),
        "Valid until": scores.valid_until and f"{scores.valid_until:%Y-%m-%d}, if nothing happens",
        "Reasons shown in the CRM": scores.reasons,
        "Model": scores.model_version,
        "As of": f"{found.as_of:%Y-%m-%d %H:%M} UTC",
    }
    facts |= {OUTPUT_BY_NAME[name].label: value for name, value in found.further.items()}
    for name, value in facts.items():
        if value is not None:
            console().print(f"{name + ':':<26}{value}", markup=False, soft_wrap=True)
    if found.stages:
        steps = [(f"{step.since:%Y-%m-%d}", step.stage, f"{step.crm}:{step.record_id}") for step in found.stages]
        console().print()
        table("Stages given", ["since", "stage", "on"], steps)


def _show_axis(found: Explanation, axis: str) -> None:
    lines = [line for line in found.lines if line.axis == axis]
    rows = [
        (
            line.rule,
            line.kind,
            line.occurrences,
            f"{line.last_at:%Y-%m-%d}" if line.last_at else None,
            points(line.points),
        )
        for line in lines
    ]
    if found.scores.fit_score is None:  # nobody scores them
        return
    rows.append(("Score", "", None, None, points(found.sum_of(axis))))
    table(_title(axis), ["rule", "kind", "times", "last", "points"], rows, right=("points",))


def _title(axis: str) -> str:
    section, _, product = axis.partition(":")
    return f"Affinity for {product}" if product else _TITLES.get(section, section.capitalize())


_TITLES: Final = {"rfm": "RFM", "bant": "BANT"}


def points(value: float) -> str:
    """Points with as many decimals as they have, at most six."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _grade(found: Explanation) -> str | None:
    scores = found.scores
    if scores.fit_grade is None or scores.grade_best == scores.grade_worst:
        return scores.fit_grade
    return f"{scores.fit_grade} (between {scores.grade_worst} and {scores.grade_best}, as facts are missing)"


def _moved(before: str | None, now: str | None) -> str | None:
    return now if before is None else f"{now} (was {before})"


def past_time(text: str, now: datetime) -> datetime:
    """The time that `--as-of` means: the end of a UTC day, or a time (UTC unless it says otherwise), not after `now`.

    Raises typer.BadParameter.
    """
    try:
        is_day = len(text) == len("2026-03-31")
        wanted = datetime.combine(date.fromisoformat(text), time.max) if is_day else datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a day nor a time; write 2026-03-31 or 2026-03-31T12:00.", param_hint="--as-of"
        ) from None
    moment = (wanted if wanted.tzinfo is not None else wanted.replace(tzinfo=UTC)).astimezone(UTC)
    if moment.date() > now.date():
        raise typer.BadParameter("that day is still to come; name a day of the past.", param_hint="--as-of")
    return min(moment, now)
