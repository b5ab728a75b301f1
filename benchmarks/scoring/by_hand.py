"""The same job as an analyst's SQL script for this model: `python -m benchmarks.scoring.by_hand MIRROR`.

Rules are matched against the few signatures, one pass goes over the events and one over the people, texts are made for
changed rows alone, and the day of the next drop is found by halving, since no score of this model rises by waiting.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from benchmarks.scoring import data
from benchmarks.scoring.account import Account
from config.model_values import micro

MODEL: Final = data.model()
TODAY: Final = f"DATE '{data.TODAY:%Y-%m-%d}'"
AGES: Final = data.DAYS + 181
GROUPS: Final = tuple(MODEL.engagement.groups)
CALLING: Final = ("fit_score", "fit_grade", "engagement_score", "rating", "next_fact")
"""Fields for which a record is written when they differ."""

RIDING: Final = ("reasons", "valid_until", "model_version")
"""Fields that go with the others, or when they are empty, or are a day that has passed."""

NAMES: Final = [criterion.name for criterion in MODEL.fit.criteria] + [rule.name for rule in MODEL.engagement.rules]
FIRST_RULE: Final = len(MODEL.fit.criteria)


def rules() -> str:
    """The rules as a table."""
    rows = []
    for number, rule in enumerate(MODEL.engagement.rules):
        half_life = (rule.decay or MODEL.engagement.decay).half_life or 0
        cap = micro(rule.at_most[0].points) if rule.at_most else 10**15
        group = GROUPS.index(rule.group) if rule.group else -1
        once = rule.count.mode == "first"
        rows.append(f"({number}, {micro(rule.points[0])}, {rule.within or AGES}, {half_life}, {once}, {cap}, {group})")
    return f"""
        CREATE TEMP TABLE rules AS
        SELECT rule, points::DOUBLE AS points, days, half_life, once, cap::DOUBLE AS cap, grp
        FROM (VALUES {", ".join(rows)}) v (rule, points, days, half_life, once, cap, grp)"""


def matches() -> str:
    """Which signature answers which rule."""
    parts = []
    for number, rule in enumerate(MODEL.engagement.rules):
        tests = [f"type = '{rule.activity[0]}'"]
        for name, operators in rule.when.tests.items() if rule.when else ():
            ((operator, value),) = operators.written()
            if operator == "path":
                tests.append(f"starts_with(url, 'https://www.example.com{value.removesuffix('*')}')")
            else:
                tests.append(f"ends_with({name}, '{value}')")
        parts.append(f"SELECT signature, {number} AS rule FROM store.signatures WHERE {' AND '.join(tests)}")
    return f"CREATE TEMP TABLE rule_signatures AS {' UNION ALL '.join(parts)}"


def fit_points() -> list[str]:
    """The points of each criterion."""
    points = []
    for criterion in MODEL.fit.criteria:
        if criterion.bands:
            bands = sorted(criterion.bands.items(), reverse=True)
            steps = " ".join(f'WHEN "attr.{criterion.by}" >= {bound} THEN {worth:g}' for bound, worth in bands)
            points.append(f"CASE {steps} ELSE 0 END")
            continue
        assert criterion.when is not None
        ((name, tests),) = criterion.when.tests.items()
        ((operator, value),) = tests.written()
        column = f'lower("attr.{name}")'
        test = f"{column} = '{value.lower()}'" if operator == "is" else f"contains({column}, '{value.lower()}')"
        points.append(f"CASE WHEN {test} THEN {criterion.points:g} ELSE 0 END")
    return points


AGE_TABLE: Final = f"""
    CREATE TEMP TABLE ages AS
    SELECT rule * {AGES} + age AS key, round(points * CASE WHEN half_life = 0 THEN 1 ELSE pow(2, -age / half_life) END)
        AS micro
    FROM rules, range({AGES}) r (age) WHERE age < days"""

CONTRIBUTIONS: Final = f"""
    CREATE TEMP TABLE contributions AS
    SELECT person, rule, n, last_at, grp, CASE WHEN once THEN points ELSE n * points END AS nominal,
        CASE WHEN once THEN first ELSE total END AS decayed,
        least(greatest(CASE WHEN once THEN first ELSE total END, -cap), cap) AS capped
    FROM (
        SELECT owner, rs.rule, sum(count * micro) AS total, sum(count) AS n, max(occurred_at) AS last_at,
            max(micro) FILTER (once) AS first
        FROM store.facts
        JOIN (SELECT * FROM rule_signatures JOIN (SELECT rule, once FROM rules) USING (rule)) rs USING (signature)
        JOIN ages ON key = rs.rule * {AGES} + ({TODAY} - occurred_at::DATE)
        WHERE occurred_at <= TIMESTAMP '{data.TODAY:%Y-%m-%d %H:%M}'
        GROUP BY owner, rs.rule
    ) JOIN rules USING (rule) JOIN owners_now USING (owner)"""


def engagement(source: str) -> str:
    """SELECT of (person, score) from contributions, groups limited."""
    limits = " ".join(
        f"WHEN {place} THEN least(sum(capped), {micro(group.max[0].points)})"
        for place, group in enumerate(MODEL.engagement.groups.values())
    )
    return f"""
        SELECT person, floor((least(greatest(sum(points), 0), 100000000) + 500000) / 1000000)::INTEGER AS score
        FROM (SELECT person, CASE grp {limits} ELSE sum(capped) END AS points FROM {source} GROUP BY person, grp)
        GROUP BY person"""


def packed(points: str, place: str) -> str:
    """Whole points, place and sign in one number, so that the largest can be found by comparing."""
    whole = f"floor(abs({points}) + 0.5)::BIGINT"
    return f"CASE WHEN {whole} = 0 THEN 0 ELSE ({whole} * 1000 + 999 - ({place})) * 2 + ({points} > 0)::INT END"


def ladder(score: str, labels: dict[str, float]) -> str:
    """The label of a score."""
    steps = " ".join(f"WHEN {score} >= {lowest:g} THEN '{label}'" for label, lowest in labels.items())
    return f"CASE {steps} END"


def unknowns() -> dict[str, tuple[float, float]]:
    """Attribute -> the least and the most points that it could still bring while it is unknown."""
    found: dict[str, tuple[float, float]] = {}
    for criterion in MODEL.fit.criteria:
        (name,) = criterion.attributes()
        each = [0, criterion.points or 0, *(criterion.bands or {}).values()]
        least, most = found.get(name, (0, 0))
        found[name] = (least + min(each), most + max(each))
    return found


def still_possible(place: int) -> str:
    """What all unknown attributes could bring at worst (0) or at best (1)."""
    return " + ".join(
        f'CASE WHEN "attr.{name}" IS NULL THEN {pair[place]:g} ELSE 0 END' for name, pair in unknowns().items()
    )


def next_fact() -> str:
    """The unknown attribute that leaves most points open."""
    widest_first = sorted(unknowns().items(), key=lambda found: found[1][0] - found[1][1])
    cases = [
        f"""WHEN "attr.{name}" IS NULL THEN '{name.replace(".", " ").replace("_", " ").capitalize()}'"""
        for name, _ in widest_first
    ]
    return f"CASE {' '.join(cases)} END"


def wanted() -> list[str]:
    """Statements that make what every record should hold."""
    points = fit_points()
    columns = ", ".join(f"{sql} AS f{place}" for place, sql in enumerate(points))
    total = " + ".join(f"f{place}" for place in range(len(points)))
    tops = ", ".join(packed(f"f{place}", str(place)) for place in range(len(points)))
    observed = ", ".join(f'"observed.{name}"' for name in (*CALLING, *RIDING))
    return [
        f"CREATE TEMP TABLE engagement AS {engagement('contributions')}",
        f"""
        CREATE TEMP TABLE rule_tops AS
        SELECT person, max({packed("capped / 1000000", f"{FIRST_RULE} + rule")}, 3) AS top
        FROM contributions GROUP BY person""",
        f"""
        CREATE TEMP TABLE fits AS
        SELECT person, record_id, {observed}, next_fact, least(greatest(total, 0), 100)::INTEGER AS fit_score,
            least(greatest(total + least, 0), 100)::INTEGER AS worst,
            least(greatest(total + most, 0), 100)::INTEGER AS best,
            list_reverse_sort([{tops}])[1:3] AS top
        FROM (SELECT *, {total} AS total
            FROM (SELECT person, record_id, {observed}, {columns}, {next_fact()} AS next_fact,
                    {still_possible(0)} AS least, {still_possible(1)} AS most
                FROM store.records JOIN members USING (crm, record_id)))""",
        f"""
        CREATE TEMP TABLE wanted AS
        SELECT *, fit_grade || level AS rating, CAST(NULL AS DATE) AS valid_until
        FROM (SELECT f.*, coalesce(e.score, 0) AS engagement_score,
                {ladder("fit_score", MODEL.fit.grades)} AS fit_grade,
                {ladder("best", MODEL.fit.grades)} AS grade_best, {ladder("worst", MODEL.fit.grades)} AS grade_worst,
                {ladder("coalesce(e.score, 0)", MODEL.engagement.levels)} AS level,
                list_reverse_sort(list_concat(f.top, coalesce(t.top, [])))[1:3] AS tops
            FROM fits f LEFT JOIN engagement e USING (person) LEFT JOIN rule_tops t USING (person))""",
    ]


FUTURES: Final = f"""
    CREATE TEMP TABLE futures AS
    SELECT person, rs.rule, once, cap, grp, {TODAY} - occurred_at::DATE AS age, sum(count) AS n
    FROM store.facts JOIN owners_now USING (owner) JOIN rule_signatures rs USING (signature) JOIN rules USING (rule)
    WHERE person IN (SELECT person FROM wanted WHERE level < '4')
        AND occurred_at <= TIMESTAMP '{data.TODAY:%Y-%m-%d %H:%M}'
    GROUP BY ALL"""
SEARCH: Final = """
    CREATE TEMP TABLE searched AS SELECT person, level, 0 AS low, 361 AS high FROM wanted WHERE level < '4'"""


def halve() -> list[str]:
    """Ask about the middle of the days that are still open; the drop lies after `low` and not after `high`."""
    asked = f"""
        SELECT person, grp, least(greatest(CASE WHEN once THEN max(micro) ELSE sum(n * micro) END, -cap), cap) AS capped
        FROM futures JOIN (SELECT person, (low + high) // 2 AS ahead FROM searched) USING (person)
        JOIN ages ON key = rule * {AGES} + least(age + ahead, {AGES - 1})
        GROUP BY person, rule, once, cap, grp"""
    worse = f"{ladder('coalesce(score, 0)', MODEL.engagement.levels)} > level"
    return [
        f"CREATE OR REPLACE TEMP TABLE answers AS {engagement(f'({asked})')}",
        f"""
        CREATE OR REPLACE TEMP TABLE searched AS
        SELECT person, level, CASE WHEN {worse} THEN low ELSE (low + high) // 2 END AS low,
            CASE WHEN {worse} THEN (low + high) // 2 ELSE high END AS high
        FROM searched LEFT JOIN answers USING (person)""",
    ]


def plan() -> str:
    """What is to be written, in the order of sending, with its reasons in words."""
    words = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(NAMES))
    text = f"CASE 999 - x // 2 % 1000 {words} END || CASE WHEN x % 2 = 1 THEN ' +' ELSE ' -' END || x // 2000"
    calls = {name: f'"observed.{name}" IS DISTINCT FROM {name}::VARCHAR' for name in CALLING}
    why = ", ".join(f"CASE WHEN {call} THEN '{name}' END" for name, call in calls.items())
    healed = [
        '"observed.model_version" IS NULL',
        '"observed.reasons" IS NULL AND tops[1] > 0',
        '"observed.valid_until" IS NULL AND valid_until IS NOT NULL',
        f'TRY_CAST("observed.valid_until" AS DATE) < {TODAY}',
    ]
    return f"""
        CREATE TABLE store.plan_by_hand AS
        SELECT row_number() OVER (ORDER BY "observed.rating" IS DISTINCT FROM rating DESC, record_id) AS tag, *
        FROM (
            SELECT record_id, fit_score, fit_grade, engagement_score, rating, next_fact, valid_until, "observed.rating",
                '{MODEL.version}' AS model_version, concat_ws(', ', {why}) AS why,
                list_aggregate([{text} FOR x IN tops IF x > 0], 'string_agg', ' · ') AS reasons,
                md5(concat_ws('|', {", ".join(CALLING)}, valid_until)) AS values_hash
            FROM wanted
            WHERE {" OR ".join([*calls.values(), *healed])}
        )"""


def script() -> list[str]:
    """The statements, in order."""
    found = """
        UPDATE wanted SET valid_until = DATE '{day}' + high FROM searched
        WHERE searched.person = wanted.person AND high <= 180""".replace("{day}", f"{data.TODAY:%Y-%m-%d}")
    return [rules(), matches(), AGE_TABLE, CONTRIBUTIONS, *wanted(), FUTURES, SEARCH, *halve() * 9, found, plan()]


def run(con: Any) -> None:
    """Run the script."""
    con.execute("DROP TABLE IF EXISTS store.plan_by_hand")
    for statement in script():
        con.execute(statement)


def main() -> None:
    """Run the script and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring.by_hand", description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--memory-mb", type=int, default=4000)
    options = parser.parse_args()
    with data.mirror(options.mirror, memory_limit_mb=options.memory_mb).open() as con:
        data.gather(con)
        account = Account()
        run(con)
        account.close(con.execute(data.DIGEST.format(table="wanted")).fetchall()[0])


if __name__ == "__main__":
    main()
