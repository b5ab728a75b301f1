"""The plan: set, clear, leave; riders; small moves; who goes first."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sync_rig import NOW, batch, fake_scores, mirror_at, record, store

from connectors.base import CLEAR
from scoring.facts import BASIC_FIELDS, Table
from sync import changes, identity
from sync.errors import LeaseLost
from sync.mirror import census, summary, views

if TYPE_CHECKING:
    from pathlib import Path

    from sync.changes import PlannedChange

TODAY = NOW.date()
HELD = {
    "fit_score": "60", "fit_grade": "B", "engagement_score": "40", "rating": "B2", "trend": "steady", "stage": "lead",
    "reasons": "Demo form +40", "next_fact": "company size", "valid_until": "2026-07-01", "model_version": "m@1",
}  # fmt: skip
DESIRED: dict[str, Any] = HELD | {"fit_score": 60, "engagement_score": 40, "valid_until": date(2026, 7, 1)}
NOTHING = dict.fromkeys(HELD)


def plan(
    path: Path,
    records: list[dict[str, Any]],
    desired: dict[str, dict[str, Any]],
    *,
    min_change: int = 1,
    refused: tuple[tuple[str, str, str], ...] = (),
) -> dict[str, PlannedChange]:
    """The planned changes by record id, in the order of sending."""
    mirror = mirror_at(path / "mirror.duckdb")
    with mirror.open() as con:
        store(con, batch(Table.RECORDS, records))
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        fake_scores(con, desired)
        planned = changes.make(con, fields=BASIC_FIELDS, min_change=min_change, today=TODAY, refused=[refused], fence=1)
    (crm,) = planned
    assert crm.records == len(records)
    assert crm.unchanged == crm.records - crm.planned
    rows = [row for chunk in changes.slices(mirror, crm.crm, crm.to_send, size=2) for row in chunk]
    assert [row.change.tag for row in rows] == list(range(1, crm.to_send + 1))
    return {row.change.record_id: row for row in rows}


@pytest.mark.parametrize(
    ("observed", "desired", "min_change", "written"),
    [
        pytest.param(HELD, DESIRED, 1, None, id="what it should hold: left alone"),
        pytest.param(HELD | {"data_confidence": "80"}, DESIRED, 1, {"data_confidence": CLEAR},
                     id="a field that the model no longer writes: cleared"),
        pytest.param(HELD | {"fit_score": " 60.0 ", "valid_until": "2026-07-01T00:00:00Z", "trend": "steady "},
                     DESIRED, 1, None, id="the same in other words: left alone"),
        pytest.param({}, DESIRED, 1, {**DESIRED, "valid_until": "2026-07-01"}, id="empty: all set"),
        pytest.param(HELD | {"trend": None}, DESIRED, 1, {"trend": "steady"}, id="a field cleared by hand: healed"),
        pytest.param(HELD | {"reasons": ""}, DESIRED, 1, {"reasons": "Demo form +40"},
                     id="a rider cleared by hand: healed"),
        pytest.param(HELD | {"rating": "A1"}, DESIRED, 1, {"rating": "B2"}, id="a field changed by hand: ours again"),
        pytest.param(HELD | {"reasons": "old", "model_version": "m@0", "valid_until": "2026-06-20"}, DESIRED, 1, None,
                     id="riders alone: not worth a write"),
        pytest.param(HELD | {"reasons": "old", "rating": "C2"}, DESIRED, 1,
                     {"rating": "B2", "reasons": "Demo form +40"}, id="riders go with another change"),
        pytest.param(HELD | {"engagement_score": "38"}, DESIRED, 3, None, id="a small move: left alone"),
        pytest.param(HELD | {"engagement_score": "37"}, DESIRED, 3, {"engagement_score": 40}, id="a large move"),
        pytest.param(HELD | {"engagement_score": "38", "trend": "rising"}, DESIRED, 3,
                     {"engagement_score": 40, "trend": "steady"}, id="a small move goes with another change"),
        pytest.param(HELD | {"engagement_score": ""}, DESIRED, 50, {"engagement_score": 40},
                     id="no move is too small to heal"),
        pytest.param(HELD, DESIRED | {"next_fact": None}, 1, {"next_fact": CLEAR}, id="nothing left to find: cleared"),
        pytest.param(HELD, DESIRED | {"valid_until": None}, 1, None, id="a rider that goes waits for another change"),
        pytest.param(HELD | {"valid_until": "2026-06-15"}, DESIRED, 1, None, id="its last day is not over"),
        pytest.param(HELD | {"valid_until": "2026-06-14"}, DESIRED, 1, {"valid_until": "2026-07-01"},
                     id="a day that has passed calls for the next"),
        pytest.param(HELD | {"valid_until": "2026-06-14T00:00:00Z"}, DESIRED | {"valid_until": None}, 1,
                     {"valid_until": CLEAR}, id="a day that has passed, and no other comes"),
        pytest.param(HELD, NOTHING, 1, dict.fromkeys(HELD, CLEAR), id="not to be scored: all cleared"),
        pytest.param({}, NOTHING, 1, None, id="not to be scored and empty: left alone"),
        pytest.param(HELD | {"fit_score": "n/a"}, DESIRED | {"fit_score": None}, 1, {"fit_score": CLEAR},
                     id="nonsense is cleared"),
    ],
)  # fmt: skip
def test_74_what_is_written(
    tmp_path: Path, observed: dict[str, Any], desired: dict[str, Any], min_change: int, written: dict[str, Any] | None
) -> None:
    found = plan(tmp_path, [record("hubspot", "1", observed=observed)], {"1": desired}, min_change=min_change)
    assert {key: dict(row.change.values) for key, row in found.items()} == ({} if written is None else {"1": written})


def test_why_names_the_fields_that_call_for_the_write(tmp_path: Path) -> None:
    held = HELD | {"reasons": "old", "rating": "C2", "trend": None}
    found = plan(tmp_path, [record("hubspot", "1", observed=held)], {"1": DESIRED})
    assert found["1"].why == "rating, trend"


def test_crossings_go_first_and_accounts_stay_together(tmp_path: Path) -> None:
    records = [
        record("hubspot", "1", account_id="b", observed=HELD | {"engagement_score": "1"}),
        record("hubspot", "2", account_id="b", observed=HELD | {"rating": "A1"}),
        record("hubspot", "3", account_id="a", observed=HELD | {"engagement_score": "1"}),
        record("hubspot", "4", account_id="a", observed=HELD | {"stage": "customer"}),
        record("hubspot", "5", account_id="b"),
    ]
    found = plan(tmp_path, records, {str(number): DESIRED for number in range(1, 6)})
    assert list(found) == ["4", "2", "5", "3", "1"]
    assert found["4"].change.account_id == "a"


def test_values_that_were_refused_before_are_marked_until_they_change(tmp_path: Path) -> None:
    records = [record("hubspot", "1"), record("hubspot", "2")]
    first = plan(tmp_path, records, {"1": DESIRED, "2": DESIRED})
    refused = (("hubspot", "1", first["1"].values_hash), ("salesforce", "2", first["2"].values_hash))
    again = plan(tmp_path, records, {"1": DESIRED, "2": DESIRED}, refused=refused)
    assert again.keys() == {"2"}
    moved = plan(tmp_path, records, {"1": DESIRED | {"fit_score": 61}, "2": DESIRED}, refused=refused)
    assert moved.keys() == {"1", "2"}


def test_a_plan_of_a_run_that_lost_its_lease_does_not_take_the_place_of_its_successors(tmp_path: Path) -> None:
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, [record("hubspot", "1")]))
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        fake_scores(con, {"1": DESIRED})
        changes.make(con, fields=BASIC_FIELDS, min_change=1, today=TODAY, refused=[], fence=3)
        with pytest.raises(LeaseLost):
            changes.make(con, fields=BASIC_FIELDS, min_change=1, today=TODAY, refused=[], fence=2)


def test_first_ratings_do_not_count_as_changes(tmp_path: Path) -> None:
    records = [
        record("hubspot", "same", observed=HELD),
        record("hubspot", "first"),
        record("hubspot", "rating", observed=HELD | {"rating": "A1"}),
        record("hubspot", "stage", observed=HELD | {"stage": "customer"}),
        record("hubspot", "first stage", observed=HELD | {"stage": None}),
        record("hubspot", "objects", observed=HELD),
    ]
    desired = {row["record_id"]: DESIRED for row in records} | {"objects": NOTHING}
    with mirror_at(tmp_path / "mirror.duckdb").open() as con:
        store(con, batch(Table.RECORDS, records))
        identity.resolve(con)
        views.build(con, precedence=("salesforce", "hubspot"))
        fake_scores(con, desired)
        changes.make(con, fields=BASIC_FIELDS, min_change=1, today=TODAY, refused=[], fence=1)
        census.to_send(con, None)
        assert summary.crowd(con) == summary.Crowd(people=6, in_both=0, rated=5, changing=3)
