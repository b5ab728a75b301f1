"""Reading HubSpot: the traps of search and list. Numbers in names are rows of the table of known failures."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from pydantic import SecretStr

from config.settings import AttributeSetting
from connectors.errors import AuthStop, ConfigProblem, ConnectorBug, ConnectorError, LimitReached, Unreachable
from connectors.hubspot import searching
from connectors.hubspot.connector import HubSpot
from scoring.facts import Removed, Table
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.hubspot_rig import HubSpotRig

RECORDS = ("records",)


def crowd(hub: HubSpotRig, count: int, *, apart_ms: int) -> list[str]:
    """Contacts whose changes lie so far apart."""
    now = hub.clock.now()
    hub.clock.advance(count * apart_ms / 1000)
    return [
        hub.portal.create(
            "contacts", {"email": f"c{n}@example.com"}, created=now + timedelta(milliseconds=n * apart_ms)
        )
        for n in range(count)
    ]


def searches(hub: HubSpotRig) -> int:
    return sum(call.path.endswith("/search") for call in hub.journal)


def after_first_load(hub: HubSpotRig) -> Facts:
    facts = Facts().pull(hub.connector(), RECORDS)
    hub.settle()
    return facts


def test_1_more_than_10000_changes_all_arrive_once(hub: HubSpotRig) -> None:
    facts = after_first_load(hub)
    ids = crowd(hub, 10_050, apart_ms=100)
    hub.settle()
    hub.journal.clear()
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == set(ids)
    assert facts.rows_in == len(ids)
    assert searches(hub) < 80
    asked = [json.loads(call.body) for call in hub.journal if call.path.endswith("/search")]
    windows = {str(body["filterGroups"][0]["filters"][:2]) for body in asked}
    assert len(windows) > 2, "a window that holds 10,000 is split"
    assert {call.status for call in hub.journal if call.path.endswith("/search")} <= {200, 429}


def test_2_more_than_10000_changes_in_one_millisecond_all_arrive_and_a_crash_loses_none(hub: HubSpotRig) -> None:
    facts = after_first_load(hub)
    ids = crowd(hub, 10_400, apart_ms=0)
    hub.settle()
    hub.journal.clear()
    halfway = Facts()
    halfway.cursors |= facts.cursors
    for batch in hub.connector().pull("records", facts.cursors["records"]):
        halfway.store("records", batch)
        if len(halfway.records()) > 3000:
            break
    assert 0 < len(halfway.records()) < len(ids)
    halfway.pull(hub.connector(), RECORDS)
    assert set(halfway.records()) == set(ids)
    assert halfway.rows_in == len(ids), "what was stored is not read again"
    assert searches(hub) < 110


@pytest.mark.parametrize("ids", ["number", "text"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_3_ids_may_sort_as_text_or_come_shuffled(hub: HubSpotRig, ids: str, shuffle: bool) -> None:
    facts = after_first_load(hub)
    created = crowd(hub, 700, apart_ms=10)  # ids of three and of four digits
    assert {len(record_id) for record_id in created} == {3, 4}
    hub.settle()
    hub.troubles.set("search_order", times=None, ids=ids, shuffle=shuffle)
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == set(created)


def test_3_a_server_that_sorts_by_text_but_compares_numbers_is_read_another_way(
    hub: HubSpotRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = after_first_load(hub)
    created = crowd(hub, 700, apart_ms=10)
    hub.settle()
    search = searching._search

    def mixed(client: object, source: object, window: object, after: str | None = None, **rest: object) -> dict:
        # What such a server does: skip everything whose number is not above the last page's greatest.
        return search(client, source, window, None if after is None else max(created, key=int), **rest)

    monkeypatch.setattr(searching, "_search", mixed)
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == set(created)


def test_3_what_was_lost_before_a_crash_is_found_after_it(hub: HubSpotRig, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = after_first_load(hub)
    created = crowd(hub, 700, apart_ms=10)
    hub.settle()
    search = searching._search

    def lossy(*args: object, **rest: object) -> dict:
        found = search(*args, **rest)
        return {**found, "results": found["results"][1:]}

    with monkeypatch.context() as patched:
        patched.setattr(searching, "_search", lossy)
        facts.store("records", next(iter(hub.connector().pull("records", facts.cursors["records"]))))
    assert 0 < len(facts.records()) < len(created)
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == set(created)


@pytest.mark.parametrize("rows", [0, 7])
def test_4_an_empty_or_short_page_does_not_end_a_list_or_a_search(hub: HubSpotRig, rows: int) -> None:
    first = crowd(hub, 450, apart_ms=10)
    hub.troubles.set("empty_page", times=2, match="/objects/contacts", rows=rows, skip=1)
    facts = after_first_load(hub)
    assert set(facts.records()) == set(first)
    second = [hub.person(n) for n in range(450)]
    hub.settle()
    hub.troubles.set("empty_page", times=2, match="/search", rows=rows)
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == {*first, *second}


def test_4_endless_empty_pages_stop_with_a_named_error(hub: HubSpotRig) -> None:
    crowd(hub, 3, apart_ms=10)
    hub.troubles.set("empty_page", times=None, match="/objects/contacts")
    with pytest.raises(ConnectorBug, match="does not move on"):
        Facts().pull(hub.connector(), RECORDS)


@pytest.mark.parametrize(
    ("settings", "complete"),
    [
        ({"settle_s": 60, "look_back_s": 0}, True),
        ({"settle_s": 0, "look_back_s": 60}, True),
        ({"settle_s": 0, "look_back_s": 0}, False),
    ],
)
def test_6_changes_that_become_searchable_late_and_out_of_order_are_all_seen(
    hub: HubSpotRig, settings: dict[str, int], complete: bool
) -> None:
    facts = after_first_load(hub)
    hub.shared.commit_delay_s = 45.0
    created: list[str] = []
    for number in range(40):
        created.append(hub.person(number))
        hub.clock.advance(20)
        facts.pull(hub.connector(**settings), RECORDS)
    hub.settle()
    facts.pull(hub.connector(**settings), RECORDS)
    assert (set(facts.records()) == set(created)) is complete


def test_7_rows_from_after_the_window_wait_for_their_own_run(hub: HubSpotRig) -> None:
    facts = after_first_load(hub)
    old = hub.person(1)
    hub.settle()
    new = hub.person(2)
    hub.troubles.set("search_past_window", times=None)
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == {old}
    hub.settle()
    facts.pull(hub.connector(), RECORDS)
    assert set(facts.records()) == {old, new}


def test_8_a_great_many_properties_never_make_an_address_or_a_search_too_long(hub: HubSpotRig) -> None:
    names = [f"a_custom_property_with_quite_a_long_name_number_{n:03d}" for n in range(400)]
    for name in names:
        hub.portal.define("contacts", name)
    mapping = {f"custom_{n}": AttributeSetting(hubspot=name) for n, name in enumerate(names)}
    base = hub.connector()
    connector = HubSpot(base._settings, types=dict.fromkeys(mapping, "text"), mapping=mapping, clock=base._clock)
    hub.portal.create("contacts", {"email": "a@example.com", names[-1]: "listed"}, created=hub.clock.now())
    hub.settle()
    batches = list(connector.pull("records", None))
    assert batches[-1].rows["attr.custom_399"].to_pylist() == ["listed"]
    hub.portal.create("contacts", {"email": "b@example.com", names[-1]: "searched"}, created=hub.clock.now())
    hub.settle()
    batches = list(connector.pull("records", batches[-1].cursor))
    assert [value for batch in batches for value in batch.rows["attr.custom_399"].to_pylist()] == ["searched"]
    connector.close()
    assert all(call.status in {200, 207} for call in hub.journal)


@pytest.mark.parametrize(
    ("policy", "retry_after", "at_least"),
    [("TEN_SECONDLY_ROLLING", None, 10), ("TEN_SECONDLY_ROLLING", 3, 3), ("SECONDLY", None, 1), ("OTHER", 120, 120)],
)
def test_9_each_limit_has_its_own_wait(hub: HubSpotRig, policy: str, retry_after: int | None, at_least: int) -> None:
    connector = hub.connector()
    connector.identify()
    hub.troubles.set("rate_429", policy=policy, retry_after=retry_after)
    before = hub.clock.now()
    connector.identify()
    waited = (hub.clock.now() - before).total_seconds()
    assert at_least <= waited <= at_least + 1


def test_9_a_used_up_day_stops_at_once_and_says_when_it_goes_on(hub: HubSpotRig) -> None:
    hub.troubles.set("daily_429")
    with pytest.raises(LimitReached, match="midnight"):
        hub.connector().identify()


def test_10_another_app_that_spends_the_allowance_only_delays(hub: HubSpotRig) -> None:
    crowd(hub, 450, apart_ms=10)
    hub.settle()
    hub.troubles.set("noisy_neighbour", times=3)
    connector = hub.connector()
    facts = Facts().pull(connector, RECORDS)
    assert len(facts.records()) == 450
    assert connector.usage().by_reason["rate limit"] >= 1


@pytest.mark.parametrize("status", [500, 502, 504, 520, 524])
def test_13_gateway_pages_in_html_are_tried_again(hub: HubSpotRig, status: int) -> None:
    hub.person(1)
    hub.troubles.set("html_error", times=3, match="/objects/contacts", status=status)
    connector = hub.connector()
    assert len(Facts().pull(connector, RECORDS).records()) == 1
    assert connector.usage().by_reason == {f"status {status}": 3}


def test_13_an_answer_cut_in_the_middle_is_asked_for_again(hub: HubSpotRig) -> None:
    hub.person(1)
    hub.troubles.set("odd_json", match="/objects/contacts")
    hub.troubles.set("cut", match="/properties/contacts", after=100)
    assert len(Facts().pull(hub.connector(), RECORDS).records()) == 1


def test_13_a_move_between_data_centres_stops_the_run_instead_of_hammering(hub: HubSpotRig) -> None:
    connector = hub.connector()
    connector.identify()
    hub.journal.clear()
    hub.troubles.set("migration_477", retry_after=3600)
    with pytest.raises(Unreachable, match="3600 s"):
        connector.identify()
    assert len(hub.journal) == 1


def test_14_odd_values_cost_neither_the_record_nor_its_other_fields(hub: HubSpotRig) -> None:
    record_id = hub.person(1, job_title="CTO")
    record = hub.portal.objects["contacts"][record_id]
    record.properties["hs_analytics_num_page_views"] = "1;2"
    record.properties["leadgrade_fit_score"] = "none"
    facts = Facts().pull(hub.connector(), RECORDS)
    assert facts.records()[record_id]["attr.job_title"] == "CTO"
    assert not facts.tables[Table.COUNTERS]


def test_15_a_property_made_later_is_read_from_the_next_pull_on(hub: HubSpotRig) -> None:
    connector = hub.connector()
    record_id = hub.person(1)
    facts = Facts().pull(connector, RECORDS)
    assert facts.records()[record_id]["observed.rating"] is None
    connector.provision(dry_run=False)
    hub.portal.update("contacts", record_id, {"leadgrade_rating": "A1"})
    hub.settle()
    assert facts.pull(connector, RECORDS).records()[record_id]["observed.rating"] == "A1"


def test_15_a_mapped_property_that_disappears_is_told(hub: HubSpotRig) -> None:
    base = hub.connector()
    mapping = {"tier": AttributeSetting(hubspot="tier")}
    connector = HubSpot(base._settings, types={"tier": "text"}, mapping=mapping, clock=base._clock)
    hub.portal.define("contacts", "tier")
    hub.portal.create("contacts", {"tier": "gold"}, created=hub.clock.now())
    with structlog.testing.capture_logs() as logs:
        assert list(connector.pull("records", None))[-1].rows["attr.tier"].to_pylist() == ["gold"]
        del hub.portal.properties["contacts"]["tier"]
        list(connector.pull("records", None))
    connector.close()
    told = [(line["attribute"], line["property"]) for line in logs if line["log_level"] == "warning"]
    assert told == [("tier", "tier")]


@pytest.mark.parametrize("cursor", ["", "{}", "not json", '{"v":2,"since":1}', '{"v":1,"since":"yesterday"}'])
def test_16_a_cursor_that_is_not_ours_is_refused_with_a_remedy(hub: HubSpotRig, cursor: str) -> None:
    for stream in hub.connector().streams():
        with pytest.raises(ConfigProblem, match="Remove the mirror file"):
            list(hub.connector().pull(stream.name, cursor))


def test_17_companies_and_deals_in_the_bin_are_told_too(hub: HubSpotRig) -> None:
    company = hub.portal.create("companies", {"name": "Acme"}, created=hub.clock.now())
    deal = hub.portal.create("deals", {"dealname": "Big"}, created=hub.clock.now())
    hub.portal.archive("companies", company)
    hub.portal.archive("deals", deal)
    hub.settle()
    rows = Facts().pull(hub.connector(), ["removals"]).tables[Table.REMOVALS].values()
    assert {(row["kind"], row["record_id"], row["removed"]) for row in rows} == {
        ("account", company, Removed.DELETED),
        ("deal", deal, Removed.DELETED),
    }


def test_18_a_merge_into_a_new_contact_removes_both_old_ids(hub: HubSpotRig) -> None:
    one, two = hub.person(1), hub.person(2)
    facts = after_first_load(hub)
    survivor = hub.portal.merge(one, two, new_id=True)
    hub.settle()
    facts.pull(hub.connector())
    assert set(facts.records()) == {survivor}
    assert {row["successor_id"] for row in facts.tables[Table.REMOVALS].values()} == {survivor}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_19_calls_without_their_associations_are_not_stored_as_nobodys(hub: HubSpotRig, status: int) -> None:
    hub.log_activity(hub.person(1), 1)
    hub.settle()
    hub.troubles.set("refuse", times=None, match="/associations/", status=status, message="no", category="ODD")
    with pytest.raises(ConnectorError):
        list(hub.connector().pull("activities.calls", None))
    hub.troubles.clear()
    assert len(Facts().pull(hub.connector(), ["activities.calls"]).tables[Table.ACTIVITIES]) == 1


def test_24_a_contact_of_an_owner_who_left_keeps_the_owners_id(hub: HubSpotRig) -> None:
    contact = hub.portal.create("contacts", {"hubspot_owner_id": "99"}, created=hub.clock.now())
    hub.settle()
    assert Facts().pull(hub.connector(), RECORDS).records()[contact]["owner_id"] == "99"


def test_25_a_property_that_differs_at_every_read_makes_nothing_look_changed(hub: HubSpotRig) -> None:
    hub.person(1)
    hub.settle()
    hub.troubles.set("restless", times=None, property="hs_analytics_num_page_views")
    facts = after_first_load(hub)
    before = facts.rows_in
    for _ in range(3):
        facts.pull(hub.connector(), RECORDS)
        hub.settle()
    assert facts.rows_in == before


@pytest.mark.parametrize(
    ("scope", "stream"),
    [
        ("crm.objects.contacts.read", "records"),
        ("crm.objects.companies.read", "accounts"),
        ("crm.objects.deals.read", "deals"),
        ("content", "activities.email_events"),
        ("forms", "activities.forms"),
    ],
)
def test_22_a_missing_scope_stops_its_stream_by_name_and_shows_in_check(
    hub: HubSpotRig, scope: str, stream: str
) -> None:
    hub.portal.scopes.discard(scope)
    with pytest.raises(AuthStop, match=scope):
        list(hub.connector().pull(stream, None))
    failed = [finding for finding in hub.connector().check() if finding.level == "fail"]
    assert any(finding.subject == scope and finding.remedy for finding in failed)


def test_22_a_missing_write_scope_shows_in_check_without_a_write(hub: HubSpotRig) -> None:
    hub.connector().provision(dry_run=False)
    contact = hub.person(1)
    before = hub.portal.objects["contacts"][contact]
    hub.portal.scopes.discard("crm.objects.contacts.write")
    [failed] = [finding for finding in hub.connector().check() if finding.level == "fail"]
    assert failed.subject == "crm.objects.contacts.write"
    assert hub.portal.objects["contacts"][contact] == before


def test_check_warns_of_a_wrong_clock_and_of_a_property_that_is_not_there(hub: HubSpotRig) -> None:
    hub.troubles.set("date_skew", times=None, seconds=900)
    del hub.portal.properties["contacts"]["jobtitle"]
    findings = {finding.subject: finding for finding in hub.connector().check()}
    assert findings["clock"].level == "warn"
    assert "900 s" in findings["clock"].message
    assert findings["contacts.jobtitle"].level == "warn"
    assert "attributes.job_title.hubspot" in findings["contacts.jobtitle"].remedy


def test_check_of_a_portal_that_lets_nobody_in_is_one_finding(hub: HubSpotRig) -> None:
    [finding] = hub.connector(access_token=SecretStr("pat-na1-wrong")).check()
    assert (finding.level, finding.subject) == ("fail", "access")
    assert "LEADGRADE_HUBSPOT__ACCESS_TOKEN" in finding.remedy


def test_definitions_of_companies_and_deals_are_wanted_but_not_needed(hub: HubSpotRig) -> None:
    hub.portal.create("companies", {"name": "Acme"}, created=hub.clock.now())
    hub.portal.create("deals", {"amount": "5"}, created=hub.clock.now())
    hub.connector().provision(dry_run=False)
    hub.settle()
    hub.portal.scopes -= {"crm.schemas.companies.read", "crm.schemas.deals.read"}
    facts = Facts().pull(hub.connector(), ["accounts", "deals"])
    assert [row["attr.company.name"] for row in facts.tables[Table.ACCOUNTS].values()] == ["Acme"]
    assert [row["amount"] for row in facts.tables[Table.DEALS].values()] == [5.0]
    findings = hub.connector().check()
    assert [finding for finding in findings if finding.level == "fail"] == []
    [warned] = [finding for finding in findings if "crm.schemas.companies.read" in finding.subject]
    assert warned.level == "warn"
