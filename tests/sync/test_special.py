"""Special models over a mirror of two CRMs: who belongs together, and that spans change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import NOW, SETTINGS, TYPES, activity, ago, batch, mirror_at, record, store

from config.model import Model
from scoring import engine
from scoring.facts import Table
from sync import identity
from sync.mirror import views
from sync.scores import score_all
from sync.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

MODEL = Model.model_validate({
    "model": "special",
    "engagement": {"rules": [{"name": "Pages", "activity": "page_view", "points": 10}]},
    "rfm": {},
    "affinity": {
        "rules": [{"name": "Deal", "activity": ["deal_created", "deal_won"], "points": 20}],
        "products": [{"name": "Suite", "when": {"asset": {"contains": "suite"}}}],
    },
    "account": {
        "roll_up": "sum",
        "roles": [
            {"name": "Champion", "deal_roles": ["influencer"]},
            {"name": "Decider", "when": {"job_title": "Chief"}},
            {"name": "User", "when": {"job_title": "Clerk"}},
        ],
    },
    "ratings": [{"name": "Big", "rows": {"axis": "account", "bands": {"big": 40, "small": 0}}}],
})  # fmt: skip


def deal(deal_id: str, people: list[str], **values: Any) -> dict[str, Any]:
    return {
        "crm": "salesforce", "deal_id": deal_id, "record_ids": people, "is_closed": True, "is_won": True,
        "created_at": ago(30), "closed_at": ago(2), "modified_at": ago(1), **values,
    }  # fmt: skip


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Ann and Bob work for Acme, which both CRMs know; Cid writes from there; Dee and Eve have free mailboxes."""
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.ACCOUNTS, [
            {"crm": "hubspot", "account_id": "7", "domain": "acme.example", "modified_at": ago(1)},
            {"crm": "hubspot", "account_id": "9", "domain": "gmail.com", "modified_at": ago(1)},
            {"crm": "salesforce", "account_id": "001A", "domain": "https://www.Acme.example/en", "modified_at": ago(1)},
        ]))  # fmt: skip
        store(con, batch(Table.RECORDS, [
            record("hubspot", "1", email="ann@acme.example", account_id="7", attr={"job_title": "Chief"}),
            record("hubspot", "3", email="cid@acme.example"),
            record("hubspot", "4", email="dee@gmail.com", account_id="9"),
            record("hubspot", "5", email="eve@gmail.com"),
        ]))  # fmt: skip
        store(con, batch(Table.RECORDS, [
            record("salesforce", "A", email="Ann@acme.example", account_id="001A"),
            record("salesforce", "B", email="bob@acme.example", account_id="001A"),
        ]))  # fmt: skip
        store(con, batch(Table.DEALS, [
            deal("1", ["A", "B"], amount=100.0, roles=["Influencer;Other", ""]),
            deal("2", ["B"], amount=50.0, closed_at=ago(40)),
        ]))  # fmt: skip
        line = {"crm": "salesforce", "line_id": "1", "deal_id": "1", "product": "Suite", "modified_at": ago(1)}
        store(con, batch(Table.LINE_ITEMS, [line]))
        store(con, batch(Table.ACTIVITIES, [
            *(activity("hubspot", f"{person}-{number}", person, url=f"/{number}", occurred_at=ago(number))
              for person, views in (("1", 3), ("3", 2), ("4", 1)) for number in range(views)),
            activity("hubspot", "order", "4", type="purchase", occurred_at=ago(9)),
        ]))  # fmt: skip
        identity.resolve(con)
        views.build(con, precedence=("hubspot", "salesforce"))
        yield con


def rows(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Rows of `scores` by the first name in the address."""
    found = con.sql("""
        SELECT min(split_part(lower(email), '@', 1)) AS name, any_value(scores) AS row
        FROM scores JOIN members USING (person) JOIN store.records USING (crm, record_id) GROUP BY person
    """).to_arrow_table().to_pylist()  # fmt: skip
    return {row["name"]: row["row"] for row in found}


def test_spans_change_no_answer(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for size in (100_000, 2, 1):
        monkeypatch.setattr(views, "SPAN", size)
        score_all(con, settings=SETTINGS, model=MODEL, as_of=NOW, stop=Stop())
        answers.append(con.execute("SELECT * FROM scores ORDER BY person").fetchall())
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == 5


def test_buyers_are_compared_with_all_buyers(con: duckdb.DuckDBPyConnection) -> None:
    score_all(con, settings=SETTINGS, model=MODEL, as_of=NOW, stop=Stop())
    found = {name: row["rfm_code"] for name, row in rows(con).items()}
    # Ann and Bob bought two days ago, Dee nine; Bob bought twice, and for more; what Dee paid is unknown.
    assert found == {"ann": "422", "bob": "454", "cid": None, "dee": "12?", "eve": None}


def test_an_account_of_both_crms_is_one_and_each_human_counts_once(con: duckdb.DuckDBPyConnection) -> None:
    score_all(con, settings=SETTINGS, model=MODEL, as_of=NOW, stop=Stop())
    found = rows(con)
    assert [found[name]["account_score"] for name in ("ann", "bob", "cid", "dee", "eve")] == [50, 50, 50, 10, None]
    assert [found[name]["buying_role"] for name in ("ann", "bob", "cid")] == ["Champion", None, None]
    assert (found["cid"]["role_coverage"], found["cid"]["missing_roles"]) == (33, "Decider, User")
    assert [found[name]["ratings"] for name in ("ann", "dee", "eve")] == ["big", "small", None]


def test_what_a_deal_is_about_is_the_asset_of_its_activities(con: duckdb.DuckDBPyConnection) -> None:
    score_all(con, settings=SETTINGS, model=MODEL, as_of=NOW, stop=Stop())
    assert {name: row["product"] for name, row in rows(con).items() if row["product"]} == {
        "ann": "Suite",
        "bob": "Suite",
    }


def test_one_person_and_colleagues_have_the_account_that_everybody_gives_them(con: duckdb.DuckDBPyConnection) -> None:
    score_all(con, settings=SETTINGS, model=MODEL, as_of=NOW, stop=Stop())
    everybody = rows(con)
    for name in ("cid", "dee", "eve"):
        person = everybody[name]["person"]
        views.show(con, views.with_colleagues(con, person), types=TYPES)
        engine.score(con, MODEL, NOW, attributes=TYPES)
        assert rows(con)[name] == everybody[name]
        total = con.execute("SELECT sum(micro) FROM ledger WHERE axis = 'account' AND person = ?", [person]).fetchall()
        assert (total[0][0] or 0) == 1_000_000 * (everybody[name]["account_score"] or 0)
