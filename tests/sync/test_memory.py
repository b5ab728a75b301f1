"""Everybody has a stage from before: scoring them holds narrow rows of each, and no wide ones once per join."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from sync_rig import NOW, TYPES, mirror_at

from config.model import load_model
from scoring import engine
from sync import identity
from sync.mirror import views

PEOPLE = 50_000
ENOUGH_MB = 60
"""Where the wide rows of so many people are held once per join, they need more."""


def test_many_people_with_stages_from_before_are_scored_in_little_memory(tmp_path: Path) -> None:
    model = load_model(Path(str(resources.files("config") / "presets" / "b2b-saas.yaml")), TYPES)
    mirror = mirror_at(tmp_path / "mirror.duckdb", memory_limit_mb=ENOUGH_MB, threads=1)
    with mirror.open() as con:
        con.execute(f"""
            INSERT INTO store.records BY NAME
            SELECT 'hubspot' AS crm, 'contact' AS kind, n::VARCHAR AS record_id, TIMESTAMP '2026-01-01' AS created_at,
                TIMESTAMP '2026-06-01' AS modified_at, 'Head of sales' AS "attr.job_title", 'lead' AS "observed.stage"
            FROM range({PEOPLE}) r (n);
            INSERT INTO store.owners BY NAME
            SELECT n::INTEGER AS owner, 'hubspot' AS crm, n::VARCHAR AS record_id FROM range({PEOPLE}) r (n);
            INSERT INTO store.signatures BY NAME SELECT 1 AS signature, 'form_submission' AS type;
            INSERT INTO store.facts BY NAME
            SELECT n AS activity, n::INTEGER AS owner, 1 AS signature, TIMESTAMP '2026-05-01' AS occurred_at,
                TIMESTAMP '2026-05-01' AS seen_at, 1 AS count FROM range({PEOPLE}) r (n);
        """)
        identity.resolve(con)
        views.build(con, precedence=("hubspot",))
        prepared = engine.prepare(con, model, NOW, attributes=TYPES, oldest=views.oldest(con))
        views.show(con, views.Span(1, PEOPLE), types=TYPES, facts=prepared.facts)
        engine.score_people(con, prepared)
        scored = con.execute("SELECT count(*), count(*) FILTER (stage_before = 'lead') FROM scores").fetchall()
    assert scored == [(PEOPLE, PEOPLE)]
