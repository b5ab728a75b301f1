"""The engine: facts + model + as-of time -> ledger and scores, in one DuckDB connection.

Reads `people`, `activities`, `signatures` and `previous_stages` (and `stage_entries` where a stage may be entered only
so often); leaves the TEMP view `ledger` and the TEMP table `scores`, one row per person. A pure function: the same
facts, model and day give the same rows, whatever the order, the number of threads or the time of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scoring import beside, special, sql, trends
from scoring.adjust import note_adjustments
from scoring.counting import match_shaped, shape_events
from scoring.crossing import DROPS, find_valid_until
from scoring.derived import derive_activities, derived_matches
from scoring.engagement import Tally, note_lives, now_sums, tabulate_terms, tally
from scoring.events import Moment, match_signatures, tabulate_ages
from scoring.facts import FURTHER_FACTS
from scoring.fit import attributes_of, outcomes_sql, points_sql, readable, summary_columns
from scoring.gates import find_gate_events
from scoring.handoff import hand_off
from scoring.ledger import NO_LINE, create_ledger
from scoring.machines import aside_lines, find_machines, mark_signatures
from scoring.outages import read_outages, tabulate_frosts, tabulate_frozen_days, thaw_lives
from scoring.plan import Plan
from scoring.rates import match_rates, note_mails
from scoring.reasons import fit_tops_sql, name_reasons, reasoned_sql
from scoring.restart import note_restarts
from scoring.stages import (
    disqualified,
    entered,
    entries_columns,
    entries_join,
    grade_index,
    is_detained,
    level_index,
    not_scored,
    rating_rank,
    rating_text,
    stage_before_index,
    stage_index,
    tabulate_ratings,
)
from scoring.visits import copy_activities, number_visits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from config.model import Model
    from config.model_decision import Skip
    from scoring.machines import MachineTest

NOW: Final = ""
THEN: Final = "_then"


@dataclass(frozen=True)
class Prepared:
    """What `prepare` has settled for one model, day and connection; good for any number of `score_people`."""

    plan: Plan
    moment: Moment
    attributes: Mapping[str, str]
    oldest: datetime | None
    span: int
    is_new_model: bool  # it took another one's place after the day that the trend compares with

    @property
    def model(self) -> Model:
        """The model."""
        return self.plan.model

    @property
    def facts(self) -> frozenset[str]:
        """Which of the FURTHER_FACTS `activities` must have."""
        others = beside.beside_model(self.model)
        found = set(self.plan.facts if others is None else self.plan.facts | Plan(others, self.plan.silent).facts)
        if any(moment.seen_until is not None for moment in _moments(self.model, self.moment).values()):
            found.add("seen_at")
        return frozenset(found)

    @property
    def activity_bytes(self) -> int:
        """About as much as is held in memory of one activity while its person is scored; measured."""
        return 200 if len(self.facts) == len(FURTHER_FACTS) else 40


def score(
    con: Any,
    model: Model,
    as_of: datetime,
    *,
    attributes: Mapping[str, str],
    model_since: datetime | None = None,
    seen_by: datetime | None = None,
) -> None:
    """Score everybody in `people` as of `as_of` (aware, UTC).

    `attributes` maps each mapped attribute to its type, as `config.attributes.attribute_types` gives them. Creates
    `ledger` and `scores` (their columns: docs/model/results.md); nothing is set on the connection.
    `model_since` (aware) is when the model took the place of another one; none when it never did. With `seen_by`
    (aware) only activities count that a pull had seen by then: what a run at that time computed.
    """
    oldest = con.execute("SELECT MIN(occurred_at) FROM activities").fetchall()[0][0]
    known = {"attributes": attributes, "oldest": oldest, "model_since": model_since, "seen_by": seen_by}
    score_people(con, prepare(con, model, as_of, **known))
    finish(con, model)


def prepare(
    con: Any,
    model: Model,
    as_of: datetime,
    *,
    attributes: Mapping[str, str],
    oldest: datetime | None,
    model_since: datetime | None = None,
    seen_by: datetime | None = None,
) -> Prepared:
    """Create the tables that hold for all people, from the model, `signatures` and `outages`.

    A model with special sections also needs the relations of everybody: `deals`, `everyones_activities`,
    `account_people` and `deal_roles`.

    `oldest` is a time (naive, UTC) before which none of the people to be scored did anything; None if nobody did.
    """
    moment = Moment.of(as_of, seen_by)
    outages = read_outages(con, moment)
    plan = Plan(model, frozenset(outages))
    tabulate_frosts(con, outages)
    for suffix, each in _moments(model, moment).items():
        tabulate_frozen_days(con, outages, each, suffix)
    if beside.beside_rules(model):
        tabulate_frozen_days(con, outages, moment, beside.SUFFIX)
    tabulate_ratings(con, model)
    name_reasons(con, plan)
    special.prepare(con, model, moment)
    span = _set_up(con, plan, moment, oldest)
    return Prepared(plan, moment, attributes, oldest, span, _is_new(model, moment, model_since))


def score_people(con: Any, prepared: Prepared, *, more: bool = False) -> None:
    """Score the people who are in `people` now; see `score`. `finish` follows once all are scored.

    Their rows are all that `scores` has then, or are added to it: `more`.
    """
    plan, model, moment, span = prepared.plan, prepared.model, prepared.moment, prepared.span
    others = beside.beside_model(model)
    noted = others is not None and _score_beside(con, prepared, Plan(others, plan.silent))
    special.judge(con, model, moment, prepared.attributes)
    machines = _look_at_events(con, plan, moment)
    find_gate_events(con, model, moment)
    note_restarts(con, plan, moment)
    for suffix, each in _moments(model, moment).items():
        _engagement(con, plan, each, machines, span, suffix)
    if trends.explains(model):
        trends.tell_apart(con)
    _standings(con, plan, moment, prepared.attributes)
    find_valid_until(con, plan, moment, machines, span, prepared.attributes)
    further = special.lines(model, noted=noted)
    create_ledger(con, plan, [*aside_lines(plan, moment, machines, span), *further])
    _scores(con, plan, is_new_model=prepared.is_new_model, more=more)


def finish(con: Any, model: Model) -> None:
    """Add to `scores`, which is everybody's by then, what is read off all of them together."""
    special.finish(con, model)


def _set_up(con: Any, plan: Plan, moment: Moment, oldest: datetime | None) -> int:
    """Tabulate what `plan` says of rules, signatures and ages; the span of the latter."""
    tabulate_terms(con, plan)
    mark_signatures(con, plan)
    if not plan.derives:
        _match(con, plan)
    return tabulate_ages(con, plan, moment, oldest)


def _look_at_events(con: Any, plan: Plan, moment: Moment) -> MachineTest:
    """Tell machines apart, and add the activities that the plan derives from those of the people."""
    machines = find_machines(con, plan, moment)
    if plan.needs_visits:
        number_visits(con, plan, moment, machines)
    elif plan.derives:
        copy_activities(con, moment)
    if plan.derives:
        mark_signatures(con, plan)  # those derived for the people before are gone
        derive_activities(con, plan, moment, machines)
        _match(con, plan, derived_matches(plan))
    return machines


def _score_beside(con: Any, prepared: Prepared, others: Plan) -> bool:
    """Tally the rules of `scoring.beside`, and leave the tables as `prepare` made them; whether there are notes."""
    beside.tabulate_beside(con, prepared.model)
    span = _set_up(con, others, prepared.moment, prepared.oldest)
    machines = _look_at_events(con, others, prepared.moment)
    _engagement(con, others, prepared.moment, machines, span, beside.SUFFIX)
    aside = aside_lines(others, prepared.moment, machines, span, beside.SUFFIX, axis="t.axis", terms=beside.TERMS)
    lines = " UNION ALL ".join([NO_LINE, *aside])
    con.execute(f"CREATE OR REPLACE TEMP TABLE aside{beside.SUFFIX} AS {lines}")
    _set_up(con, prepared.plan, prepared.moment, prepared.oldest)
    return bool(others.shaped)


def _is_new(model: Model, moment: Moment, since: datetime | None) -> bool:
    """Whether the model took another one's place after the day that the trend compares with."""
    if since is None or model.trend is None:
        return False
    return Moment.of(since).until > moment.earlier(model.trend.over).until


def _moments(model: Model, moment: Moment) -> dict[str, Moment]:
    """The moment, that with which the trend compares, and what tells why, by the suffix of their tables."""
    if model.trend is None:
        return {NOW: moment}
    then = moment.earlier(model.trend.over)
    return {NOW: moment, THEN: then} | (trends.moments(moment, then) if trends.explains(model) else {})


def _match(con: Any, plan: Plan, derived: Sequence[str] = ()) -> None:
    match_signatures(con, plan, derived)
    if plan.shaped:
        match_shaped(con, plan)
    if plan.has_rates:
        match_rates(con, plan)


def _engagement(con: Any, plan: Plan, moment: Moment, machines: MachineTest, span: int, suffix: str) -> None:
    note_lives(con, plan, moment, machines, suffix)
    if plan.silent:
        thaw_lives(con, suffix)
    if plan.has_rates:
        note_mails(con, plan, moment, machines, suffix)
    if plan.model.engagement.adjust is not None:
        note_adjustments(con, plan.model.engagement.adjust, moment, suffix)
    if plan.shaped:
        shape_events(con, plan, moment, machines, span, suffix)
    at = Tally(suffix, ("person",), day=sql.day(moment.day), early=sql.day(moment.day))
    tally(con, plan, at, now_sums(plan, moment, machines, span, suffix), lives=suffix)


def _standings(con: Any, plan: Plan, moment: Moment, attributes: Mapping[str, str]) -> None:
    """Create `standings`: fit, grade, level, rating, trend and stage of each person, as points, places and ranks.

    And the view `fit_points`, of `scoring.fit`.
    """
    model = plan.model
    of_people = {"people": "people p", "keys": "p.person", "day": sql.day(moment.day)}
    con.execute(f"CREATE OR REPLACE TEMP VIEW fit_points AS {points_sql(model, attributes, **of_people)}")
    scores = ", ".join(
        f"{sql.whole_points(sql.clamped(micro))} AS {score}"
        for micro, score in (("micro", "fit_score"), ("best", "best_score"), ("worst", "worst_score"))
    )
    fits = f"SELECT *, micro AS fit_micro, {scores} FROM ({outcomes_sql(model, attributes, **of_people)})"
    kept = ", ".join([*summary_columns(model), "f1", "f2", "f3"])
    # A table of its own: joined at once, the plan would take these wide rows for few, and hold them once per join.
    con.execute(f"CREATE OR REPLACE TEMP TABLE fits AS SELECT {kept} FROM ({fit_tops_sql(plan, fits)})")
    then = (
        "LEFT JOIN engagement_then t ON t.person = f.person"
        if model.trend is not None
        else "LEFT JOIN (SELECT "
        "CAST(NULL AS BIGINT) AS person, CAST(NULL AS INTEGER) AS score) t ON t.person = f.person"
    )
    today = sql.day(moment.day)
    detained = f"SELECT *, {entered(today)} AS entered FROM (" if is_detained(model) else ""
    held = ", ps.held_until" if model.lifecycle is not None and model.lifecycle.hold is not None else ""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE standings AS
        {detained}
        SELECT q.*, {rating_text(model)} AS rating, {rating_rank(model)} AS rating_rank,
               {stage_index(model, sql.day(moment.day))} AS stage_rank
        FROM (
            SELECT *, {level_index(model, "engagement_score")} AS level,
                   {grade_index(model, "fit_score", "is_known")} AS grade,
                   {stage_before_index(model)} AS before
            FROM (
                SELECT f.*, COALESCE(e.score, 0) AS engagement_score, COALESCE(t.score, 0) AS score_then,
                       ps.stage AS stage_before, ps.since{held}{entries_columns(model)}
                FROM fits f
                LEFT JOIN engagement e ON e.person = f.person
                {then}
                LEFT JOIN previous_stages ps ON ps.person = f.person
                {entries_join(model)}
            )
        ) q
        JOIN ratings rt ON rt.grade_place = COALESCE(q.grade, -1) AND rt.level_place = q.level
        {")" if detained else ""}
        """
    )
    con.execute("DROP TABLE fits")


def _trend(model: Model) -> str:
    if model.trend is None:
        return "CAST(NULL AS VARCHAR)"
    change = "engagement_score - score_then"
    return (
        f"CASE WHEN {change} >= {sql.number(model.trend.rising)} THEN 'rising' "
        f"WHEN {change} <= {sql.number(model.trend.cooling)} THEN 'cooling' ELSE 'steady' END"
    )


def _skip(skip: Skip) -> str:
    low = {"s.fit_score": skip.below.fit, "s.engagement_score": skip.below.engagement}
    tests = [f"{score} < {sql.number(bound)}" for score, bound in low.items() if bound is not None]
    return f"CASE WHEN {' AND '.join(tests)} THEN 'yes' ELSE 'no' END"


def _scores(con: Any, plan: Plan, *, is_new_model: bool, more: bool) -> None:
    model = plan.model
    grades, levels = list(model.fit.scale), list(model.engagement.levels)
    gates = [gate.name for gate in model.gates]
    facts = [readable(attribute) for attribute in attributes_of(model)]
    # An unknown fit still has a range: what any value could make of it.
    columns = {
        "fit_score": "s.fit_score",
        "fit_grade": f"COALESCE({sql.labels('s.grade', grades)}, '?')",
        "grade_best": sql.labels(grade_index(model, "s.best_score"), grades),
        "grade_worst": sql.labels(grade_index(model, "s.worst_score"), grades),
        "engagement_score": "CAST(s.engagement_score AS INTEGER)",
        "level": sql.labels("s.level", levels),
        "rating": "s.rating",
        "rating_rank": "CAST(s.rating_rank AS INTEGER)",
        "trend": _trend(model),
        "stage": sql.labels("s.stage_rank", model.stage_order),
        "stage_rank": "CAST(s.stage_rank AS INTEGER)",
        "stage_before": "s.stage_before",
        "reasons": f"CASE WHEN {disqualified(model)} THEN 'Disqualified: ' || s.gate_name ELSE s.reasons END",
        "next_fact": sql.labels("s.next_fact", facts),
        "valid_until": "v.valid_until",
        "model_version": sql.text(model.version),
    }
    if model.skip is not None:
        columns["skip"] = _skip(model.skip)
    if model.fit.profiles:
        columns["fit_profile"] = sql.labels("s.profile", [profile.name for profile in model.fit.profiles])
    if model.hand_off is not None:
        change = "(CAST(s.engagement_score AS INTEGER) - CAST(s.score_then AS INTEGER))"
        named = special.columns(model)
        interest = (named["product"], named["next_content"]) if model.affinity is not None else None
        columns["hand_off"] = hand_off(model, model.hand_off.language, _trend(model), change, interest)
    parts = "LEFT JOIN trend_parts tp ON tp.person = s.person" if trends.explains(model) else ""
    if parts:
        columns["trend_reason"] = trends.reason(model, is_new_model=is_new_model)
    asked = [name for name in DROPS if name in model.also_write]
    columns |= {name: f"{name}.{name}" for name in asked}
    dates = " ".join(f"LEFT JOIN {name} ON {name}.person = s.person" for name in asked)
    if "data_confidence" in model.also_write:
        columns["data_confidence"] = "s.data_confidence"
    columns |= special.columns(model)
    kept = ", ".join(
        f"CASE WHEN {not_scored(model)} THEN NULL ELSE {value} END AS {name}" for name, value in columns.items()
    )
    con.execute(
        f"""
        {"INSERT INTO scores" if more else "CREATE OR REPLACE TEMP TABLE scores AS"}
        SELECT s.person, s.gate_name AS gate, {kept}
        FROM (SELECT *, {sql.labels("gate", gates)} AS gate_name FROM ({reasoned_sql(plan)})) s
        LEFT JOIN valid_until v ON v.person = s.person
        {dates} {parts} {special.joins(model)}
        """
    )
