"""A run's end record, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.context import Output
from cli.output import console, show_json, table
from connectors.base import CRM_STAGE

if TYPE_CHECKING:
    from sync.report import Move, Report, Written

GUARD_EXIT = 4
"""A guard stopped the run before it wrote: what it would have done is what a person must see."""


def show_report(report: Report, output: Output) -> None:
    """The whole record: what came, who is there, what was written and why not, the best, how ratings convert."""
    if output is Output.JSON:
        show_json(report.model_dump(mode="json"))
        return
    if report.rolled_back_from:
        console().print(
            f"The model is {report.model_version}, rolled back from {report.rolled_back_from}; this holds until the "
            "model's file changes, or until `leadgrade rollback --forward`.\n",
            soft_wrap=True,
        )
    show_pulled(report)
    show_people(report)
    show_written(report)
    show_guards(report)
    show_top(report)
    show_conversions(report)


def show_pulled(report: Report) -> None:
    """Rows per CRM and stream."""
    if not report.pulled:
        return
    columns = ["crm", "stream", "rows", "seconds"]
    columns += ["skipped"] if any(part.skipped for part in report.pulled) else []
    table("Pulled", columns, [[getattr(part, name) for name in columns] for part in report.pulled])
    for attribute, values in report.not_castable.items():
        console().print(f"{values:,} values of {attribute} are not of its type and count as unknown.")


def show_people(report: Report) -> None:
    """How many people the records belong to, unless the run ended before that was known."""
    if report.failure and not report.people:
        return
    console().print(f"{report.people:,} people, {report.people_in_both:,} of them in both CRMs.\n")


def show_written(report: Report) -> None:
    """How each CRM's records ended, with the reasons; of a run that wrote nothing by intent, what it would write."""
    if not report.written:
        return
    guarded = report.failure is not None and report.failure.exit_code == GUARD_EXIT
    if report.dry_run or report.kind == "plan" or guarded:
        rows = [(part.crm, part.planned, part.unchanged) for part in report.written]
        table("To write", ["crm", "records to write", "unchanged"], rows)
        show_shifts(report)
        show_moves("A sample of the changes", report)
        return
    names = ["planned", "accepted", "rejected", "unknown", "skipped", "unchanged"]
    table("Written", ["crm", *names], [(part.crm, *(getattr(part, name) for name in names)) for part in report.written])
    lines = [line for part in report.written for line in reasons(part)]
    if lines:
        console().print("\n".join(lines), end="\n\n", soft_wrap=True)
    if report.limit is not None and any(part.accepted for part in report.written):
        show_moves("Sent", report)


def show_guards(report: Report) -> None:
    """The guards that stood up: of a run that they did not stop, what would stop one without approval."""
    if not report.guards or (report.failure and report.failure.exit_code == GUARD_EXIT):
        return
    said = "approved" if report.approved and not report.dry_run else "would stop a run that writes, unless approved"
    for one in report.guards:
        console().print(f"Guard ({said}): {one.message}", soft_wrap=True)
    console().print()


def show_shifts(report: Report) -> None:
    """How many records go from which rating or stage to which."""
    rows = [(shift.field, shift.now or "none", shift.then or "none", shift.records) for shift in report.shifts]
    if rows:
        table("Moves of ratings and stages", ["field", "from", "to", "records"], rows)


def show_moves(title: str, report: Report) -> None:
    """Some records of the plan, before and after."""
    shown = {
        "rating": "rating", "stage": "stage", "fit_score": "fit", "engagement_score": "engagement", "trend": "trend",
    }  # fmt: skip
    if any(CRM_STAGE in move.then for move in report.moves):
        shown |= {CRM_STAGE: "CRM's own stage"}

    def step(move: Move, name: str) -> str:
        if name not in move.then:
            return ""
        return f"{move.now[name] or 'none'} → {move.then[name] or 'none'}"

    rows = [
        (move.record, *(step(move, name) for name in shown), move.then.get("reasons") or "") for move in report.moves
    ]
    if rows:
        table(title, ["record", *shown.values(), "reasons"], rows)


def reasons(part: Written) -> list[str]:
    """Why rows of one CRM were not accepted, the most frequent reason first."""
    lines = []
    ends = {
        "rejected": part.rejected_by_reason,
        "unknown": part.unknown_by_reason,
        "skipped": part.skipped_by_reason,
    }
    for end, by_reason in ends.items():
        for reason, rows in sorted(by_reason.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"{part.crm}: {rows:,} {end}: {reason}")
    return lines


def show_top(report: Report) -> None:
    """The best-rated people, by record ids."""
    if not report.top:
        return
    columns = ["rating", "stage", "trend", "fit", "engagement", "reasons", "records"]
    rows = [
        (
            person.rating,
            person.stage,
            person.trend,
            person.fit_score,
            person.engagement_score,
            person.reasons,
            "\n".join(person.records),
        )
        for person in report.top
    ]
    table("Best rated", columns, rows)


def show_conversions(report: Report) -> None:
    """Which share of each rating has really converted, and of everybody."""
    people = sum(part.people for part in report.conversions)
    converted = sum(part.converted for part in report.conversions)
    if not converted:
        return
    rows = [(part.rating, part.people, part.converted, f"{part.share:.1%}") for part in report.conversions]
    rows.append(("all", people, converted, f"{converted / people:.1%}"))
    table("Converted so far, by rating", ["rating", "people", "converted", "share"], rows, right=("share",))
