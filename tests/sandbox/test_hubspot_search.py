"""Search: operators, windows, caps, order, lag."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from conftest import NOW
from hubspot_kit import HubSpot, filtered, ids, ms, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Sandbox


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> HubSpot:
    running = sandbox()
    return HubSpot(running.portal, running.shared, running.hubspot_url)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (filtered("hs_email_open", "EQ", "10"), {1}),
        (filtered("hs_email_open", "NEQ", "10"), {0, 2, 3}),
        (filtered("hs_email_open", "LT", "10"), {0}),
        (filtered("hs_email_open", "LTE", 10), {0, 1}),
        (filtered("hs_email_open", "GT", "9"), {1, 2}),
        (filtered("hs_email_open", "GTE", "10"), {1, 2}),
        (filtered("hs_email_open", "BETWEEN", "9", highValue="10"), {0, 1}),
        (filtered("hs_email_open", "HAS_PROPERTY"), {0, 1, 2}),
        (filtered("hs_email_open", "NOT_HAS_PROPERTY"), {3}),
        (filtered("city", "EQ", "BONN"), {0}),
        (filtered("city", "IN", values=["bonn", "köln"]), {0, 1}),
        (filtered("city", "IN", values=["Bonn"]), set()),
        (filtered("city", "NOT_IN", values=["bonn"]), {1, 2}),
        (filtered("lifecyclestage", "EQ", "Lead"), set()),
        (filtered("lifecyclestage", "EQ", "lead"), {0, 1}),
        (filtered("jobtitle", "CONTAINS_TOKEN", "marketing"), {0}),
        (filtered("jobtitle", "CONTAINS_TOKEN", "market*"), {0, 1}),
        (filtered("jobtitle", "NOT_CONTAINS_TOKEN", "marketing"), {1, 2, 3}),
        (filtered("email", "CONTAINS_TOKEN", "example"), {0, 1, 2, 3}),
    ],
)
def test_operators(server: HubSpot, one: dict[str, Any], expected: set[int]) -> None:
    made = [
        server.contact(0, hs_email_open=9, city="Bonn", lifecyclestage="lead", jobtitle="Head of Marketing"),
        server.contact(1, hs_email_open=10, city="Köln", lifecyclestage="lead", jobtitle="Marketer"),
        server.contact(2, hs_email_open=100, city="Ulm"),
        server.contact(3),
    ]
    answer = server.search(filterGroups=[{"filters": [one]}])
    assert answer.status_code == 200
    assert set(ids(answer)) == {made[number] for number in expected}
    assert answer.json()["total"] == len(expected)


def test_filters_of_a_group_all_hold_and_groups_are_alternatives(server: HubSpot) -> None:
    made = [server.contact(number, city=city, zip=str(number)) for number, city in enumerate(["Bonn", "Bonn", "Ulm"])]
    both = [filtered("city", "EQ", "Bonn"), filtered("zip", "EQ", "1")]
    assert ids(server.search(filterGroups=[{"filters": both}])) == [made[1]]
    either = server.search(
        filterGroups=[{"filters": [one]} for one in both] + [{"filters": [filtered("zip", "EQ", 2)]}]
    )
    assert set(ids(either)) == set(made)
    assert ids(server.search(filters=both)) == [made[1]]


def test_window_on_the_modified_time(server: HubSpot) -> None:
    made = [server.contact(number, days_ago=number) for number in range(6)]
    low, high = ms(NOW - timedelta(days=4)), ms(NOW - timedelta(days=2))
    window = [filtered("lastmodifieddate", "GTE", low), filtered("lastmodifieddate", "LT", high)]
    assert set(ids(server.search(filters=window))) == {made[4], made[3]}
    assert set(ids(server.search(filters=[filtered("lastmodifieddate", "BETWEEN", low, highValue=high)]))) == set(
        made[2:5]
    )
    assert ids(server.search(filters=[filtered("lastmodifieddate", "EQ", low)])) == [made[4]]
    server.portal.update("contacts", made[3], {"city": "Bonn"})
    assert set(ids(server.search(filters=window))) == {made[4]}
    assert ids(server.search(filters=[filtered("hs_lastmodifieddate", "GTE", "2026-06-15")], limit=200)) != []


def test_walk_by_id_inside_one_millisecond(server: HubSpot) -> None:
    server.shared.troubles.set("same_millisecond", times=None, at=NOW)
    made = server.contacts(950)
    seen: list[str] = []
    last = "0"
    while True:
        page = ids(
            server.search(
                filters=[filtered("lastmodifieddate", "EQ", ms(NOW)), filtered("hs_object_id", "GT", last)],
                sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                limit=200,
            )
        )
        if not page:
            break
        seen += page
        last = page[-1]
    assert seen == made


def test_ten_thousand_results_and_not_one_more(server: HubSpot) -> None:
    server.contacts(10_050)
    assert server.search(limit=200, after="9800").status_code == 200
    assert server.search(limit=200, after="9800").json()["paging"]["next"] == {"after": "10000"}
    beyond = server.search(limit=200, after="10000")
    assert beyond.status_code == 400
    assert beyond.json()["category"] == "VALIDATION_ERROR"
    assert beyond.headers.get("X-HubSpot-RateLimit-Max") is None
    assert server.search(limit=1).json()["total"] == 10_050


def test_limits_of_a_request(server: HubSpot) -> None:
    one = filtered("city", "EQ", "Bonn")
    refused: list[dict[str, Any]] = [
        {"limit": 201},
        {"limit": 0},
        {"filterGroups": [{"filters": [one]}] * 6},
        {"filterGroups": [{"filters": [one] * 7}]},
        {"filterGroups": [{"filters": [one] * 5}] * 4},
        {"sorts": ["city", "zip"]},
        {"filters": [filtered("no_such", "EQ", "1")]},
        {"filters": [filtered("city", "LIKE", "1")]},
        {"filters": [filtered("city", "EQ")]},
        {"filters": [filtered("city", "IN")]},
        {"filters": [filtered("hs_email_open", "GT", "many")]},
        {"filters": [filtered("hs_email_open", "IN", values=["many"])]},
        {"filters": [filtered("lastmodifieddate", "GT", "yesterday")]},
        {"sorts": ["no_such"]},
        {"query": "x" * 3000},
    ]
    for body in refused:
        assert server.search(**body).status_code == 400, body
    assert server.search(filterGroups=[{"filters": [one] * 6}] * 3).status_code == 200
    assert server.search(limit=200).status_code == 200
    wrong = server.search(after={"id": 3})
    assert wrong.status_code == 400
    assert "Cannot deserialize value of type" in wrong.json()["message"]


def test_paging_by_a_number_without_a_link(server: HubSpot) -> None:
    made = server.contacts(5)
    first = server.search(limit=2, sorts=["hs_object_id"]).json()
    assert first["paging"] == {"next": {"after": "2"}}
    rest = server.search(limit=3, after=2, sorts=["hs_object_id"])
    assert ids(rest) == made[2:]
    assert "paging" not in rest.json()


def test_unsorted_pages_hold_the_right_rows_in_no_order(server: HubSpot) -> None:
    made = [server.contact(number, days_ago=100 - number) for number in range(60)]
    first, second = ids(server.search(limit=30)), ids(server.search(limit=30, after="30"))
    assert first != made[:30]
    assert sorted(first, key=int) == made[:30]
    assert sorted(second, key=int) == made[30:]


def test_sorting(server: HubSpot) -> None:
    made = [server.contact(number, hs_email_open=opens) for number, opens in enumerate((9, 100, 10))]
    made.append(server.contact(3))
    up = server.search(sorts=[{"propertyName": "hs_email_open", "direction": "ASCENDING"}])
    down = server.search(sorts=["-hs_email_open"])
    assert ids(up) == [made[0], made[2], made[1], made[3]]
    assert ids(down) == [made[1], made[2], made[0], made[3]]


def test_archived_records_are_never_found(server: HubSpot) -> None:
    kept, gone = server.contacts(2)
    server.portal.archive("contacts", gone)
    assert ids(server.search()) == [kept]
    server.portal.restore("contacts", gone)
    assert set(ids(server.search())) == {kept, gone}


def test_changes_become_visible_late_and_out_of_order(server: HubSpot) -> None:
    made = server.contacts(2, city="Bonn")
    since = [filtered("lastmodifieddate", "GTE", ms(NOW))]
    server.shared.troubles.set("search_lag", times=1, seconds=60)
    server.portal.update("contacts", made[0], {"city": "Ulm"})
    server.shared.clock.advance(10)
    server.portal.update("contacts", made[1], {"city": "Ulm"})
    assert ids(server.search(filters=since)) == [made[1]]  # the later change shows first
    assert ids(server.search(filters=[filtered("city", "EQ", "Bonn")])) == [made[0]]  # the old state still does
    assert server.get(f"/crm/v3/objects/contacts/{made[0]}", properties="city").json()["properties"]["city"] == "Ulm"
    server.shared.clock.advance(51)
    assert set(ids(server.search(filters=since))) == set(made)
    assert ids(server.search(filters=[filtered("city", "EQ", "Bonn")])) == []


def test_commit_delay_hides_new_records_for_a_while(server: HubSpot) -> None:
    server.shared.commit_delay_s = 30
    made = server.contacts(20)
    server.shared.clock.advance(15)
    early = ids(server.search(limit=200))
    assert 0 < len(early) < 20
    server.shared.clock.advance(15)
    assert sorted(ids(server.search(limit=200)), key=int) == made


def test_ids_may_be_ordered_as_text(server: HubSpot) -> None:
    made = server.contacts(600)  # 501 to 1100
    server.shared.troubles.set("search_order", times=None, ids="text")
    seen: list[str] = []
    last = "0"
    while page := ids(server.search(filters=[filtered("hs_object_id", "GT", last)], sorts=["hs_object_id"], limit=100)):
        seen += page
        last = page[-1]
    assert seen == sorted(made)
    assert seen != made


def test_upper_bound_may_be_ignored(server: HubSpot) -> None:
    made = [server.contact(number, days_ago=number) for number in range(3)]
    server.shared.troubles.set("search_past_window")
    window = [
        filtered("lastmodifieddate", "GTE", ms(NOW - timedelta(days=2))),
        filtered("lastmodifieddate", "LT", ms(NOW - timedelta(days=1))),
    ]
    assert set(ids(server.search(filters=window))) == set(made)
    assert set(ids(server.search(filters=window))) == {made[2]}


def test_search_by_association(server: HubSpot) -> None:
    linked, _ = server.contacts(2)
    company = server.portal.create("companies", {"name": "Acme"}, created=NOW)
    server.portal.associate("contacts", linked, "companies", company)
    assert ids(server.search(filters=[filtered("associations.company", "EQ", company)])) == [linked]


def test_query_words(server: HubSpot) -> None:
    made = server.contact(1, firstname="Ada", lastname="Lovelace")
    server.contact(2, firstname="Ada")
    assert ids(server.search(query="ada lovelace")) == [made]


@pytest.mark.parametrize("kind", ["companies", "deals", "calls", "notes"])
def test_other_types_have_their_own_modified_property(server: HubSpot, kind: str) -> None:
    made = server.portal.create(kind, {}, created=NOW - timedelta(days=2), modified=NOW)
    since = ms(NOW - timedelta(days=1))
    assert ids(server.search(kind, filters=[filtered("hs_lastmodifieddate", "GTE", since)])) == [made]
    assert server.search(kind, filters=[filtered("lastmodifieddate", "GTE", since)]).status_code == 400


def test_rows_are_complete(server: HubSpot) -> None:
    server.contacts(3, jobtitle="CTO")
    rows = server.search(properties=["jobtitle", "phone"]).json()["results"]
    assert {row["properties"]["jobtitle"] for row in rows} == {"CTO"}
    assert {row["properties"]["phone"] for row in rows} == {None}
    assert len(walk(server, "/crm/v3/objects/contacts")) == 3


def test_what_changes_between_two_pages_shows_in_the_second(server: HubSpot) -> None:
    made = [server.contact(number, city=city) for number, city in enumerate("abcd")]
    body: dict[str, Any] = {"sorts": ["city"], "filters": [filtered("lastmodifieddate", "GTE", "1")], "limit": 2}
    assert ids(server.search(**body)) == made[:2]
    assert ids(server.search(**body, after=2)) == made[2:]
    server.portal.update("contacts", made[0], {"city": "z"})
    assert ids(server.search(**body, after=2)) == [made[3], made[0]]
    server.portal.archive("contacts", made[3])
    assert (ids(server.search(**body, after=2)), server.search(**body).json()["total"]) == ([made[0]], 3)
