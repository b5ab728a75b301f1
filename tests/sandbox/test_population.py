"""The made-up population: the same for the same seed, of the promised shape, with buyers who can be told apart."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.core import SandboxClock, Shared
from sandbox.hubspot.portal import Portal
from sandbox.population import Filled, demo_troubles, populate
from sandbox.population.companies import COMPETITOR_DOMAINS
from sandbox.salesforce.org import Org

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PEOPLE = 1500


@dataclass(frozen=True)
class World:
    portal: Portal
    org: Org
    filled: Filled


def make(**arguments: Any) -> World:
    shared = Shared(clock=SandboxClock(frozen=NOW))
    portal, org = Portal(shared), Org(shared)
    return World(portal, org, populate(portal, org, now=NOW, **arguments))


@pytest.fixture(scope="module")
def world() -> World:
    return make(people=PEOPLE)


def contacts(world: World) -> list[Any]:
    return [record for record in world.portal.objects["contacts"].values() if not record.archived]


def rows(world: World, sobject: str) -> list[dict[str, Any]]:
    return [row for row in world.org.tables[sobject].values() if not row["IsDeleted"]]


def events(world: World, email: str) -> list[Any]:
    return [event for event in world.portal.marketing.events.items if event.recipient == email]


def snapshot(world: World) -> tuple[Any, ...]:
    portal, org = world.portal, world.org
    return (
        portal.objects,
        portal.associations.of("contacts", next(iter(portal.objects["contacts"])), "companies"),
        [(event.recipient, event.type, event.created_ms) for event in portal.marketing.events.items],
        {name: dict(table) for name, table in org.tables.items()},
        world.filled,
    )


def test_the_same_seed_gives_the_same_population_and_another_seed_another() -> None:
    one = snapshot(make(people=60, seed=3))
    assert snapshot(make(people=60, seed=3)) == one
    assert snapshot(make(people=60, seed=4)) != one


def test_people_are_in_one_crm_or_in_both_linked_by_address_or_id(world: World) -> None:
    hubspot = {record.properties.get("email") for record in contacts(world)} - {None}
    salesforce = {(row.get("Email") or "").strip().lower() for row in rows(world, "Lead") + rows(world, "Contact")}
    both = len(hubspot & salesforce)
    assert 0.2 * PEOPLE < both < 0.5 * PEOPLE
    assert len(hubspot - salesforce) > 0.3 * PEOPLE
    assert len(salesforce - hubspot) > 0.2 * PEOPLE

    linked = [record for record in contacts(world) if record.properties.get("salesforceleadid")]
    by_id_alone = 0
    for record in linked:
        lead = world.org.tables["Lead"][record.properties["salesforceleadid"]]
        by_id_alone += lead["Email"].lower() != record.properties["email"]
    assert len(linked) > 50
    assert by_id_alone > 10


def test_activities_number_about_as_asked() -> None:
    for asked in (8, 20):
        filled = make(people=400, activities_per_person=asked).filled
        assert filled.activities / filled.people == pytest.approx(asked, rel=0.2)


def test_nothing_lies_in_the_future_or_before_the_asked_days(world: World) -> None:
    begin = NOW - timedelta(days=181)
    moments = [event.created_ms / 1000 for event in world.portal.marketing.events.items]
    moments += [datetime.fromisoformat(row["CreatedDate"]).timestamp() for row in rows(world, "Task")]
    assert min(moments) > begin.timestamp()
    assert max(moments) <= (NOW - timedelta(hours=1)).timestamp()
    updated = [record.updated for record in contacts(world) if "hs_merged_object_ids" not in record.properties]
    assert max(updated) <= NOW - timedelta(hours=1)
    assert max(record.created for record in contacts(world)) <= NOW


def test_every_kind_of_activity_is_there(world: World) -> None:
    assert {"SENT", "DELIVERED", "OPEN", "CLICK", "BOUNCE"} <= {e.type for e in world.portal.marketing.events.items}
    for kind in ("calls", "emails", "meetings", "notes", "tasks", "deals", "companies"):
        assert world.portal.objects[kind], kind
    for sobject in ("Task", "Event", "CampaignMember", "EmailMessage", "Opportunity", "OpportunityContactRole"):
        assert rows(world, sobject), sobject


def test_the_counters_on_a_contact_agree_with_its_events(world: World) -> None:
    by_address: dict[str, Counter[str]] = {}
    for event in world.portal.marketing.events.items:
        by_address.setdefault(event.recipient, Counter())[event.type] += 1
    checked = 0
    for record in contacts(world):
        counts = by_address.get(record.properties.get("email", ""), Counter())
        if "hs_merged_object_ids" not in record.properties:
            assert int(record.properties.get("hs_email_open", 0)) == counts["OPEN"]
            assert int(record.properties.get("hs_email_click", 0)) == counts["CLICK"]
            checked += counts["CLICK"] > 0
    assert checked > 100


def test_machines_click_every_link_within_seconds_of_the_sending(world: World) -> None:
    clicks = [event for event in world.portal.marketing.events.items if event.type == "CLICK"]
    scanners = [event for event in clicks if "Scanner" in event.user_agent]
    people = [event for event in clicks if "Scanner" not in event.user_agent]
    assert all(event.created_ms - event.sent_ms <= 2000 for event in scanners)
    assert all(event.created_ms - event.sent_ms > 2000 for event in people)
    per_mail = Counter((event.recipient, event.sent_ms) for event in scanners)
    assert set(per_mail.values()) == {4}
    assert people


def test_names_are_written_in_many_scripts(world: World) -> None:
    names = [record.properties["lastname"] for record in contacts(world)] + [
        row["LastName"] for row in rows(world, "Lead")
    ]
    scripts = {unicodedata.name(name[0]).split()[0] for name in names}
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "DEVANAGARI"} <= scripts
    assert any(unicodedata.normalize("NFD", name) != name for name in names if name[0].isascii())


def test_every_address_is_under_a_reserved_domain(world: World) -> None:
    addresses = [record.properties.get("email") for record in contacts(world)]
    addresses += [row.get("Email") for row in rows(world, "Lead") + rows(world, "Contact")]
    assert {address.strip().rpartition(".")[2].lower() for address in addresses if address} == {"example"}


def test_facts_are_missing_here_and_there(world: World) -> None:
    people = contacts(world)
    for name in ("jobtitle", "phone", "country", "associatedcompanyid", "lifecyclestage"):
        filled = sum(name in record.properties for record in people)
        assert 0.2 * len(people) < filled < len(people), name


def test_the_people_who_should_not_be_courted_are_there(world: World) -> None:
    people = contacts(world)
    domains = Counter(record.properties.get("email", "").rpartition("@")[2] for record in people)
    titles = " ".join(record.properties.get("jobtitle", "") for record in people)
    assert all(domains[domain] for domain in COMPETITOR_DOMAINS)
    assert domains["seller.example"]
    assert domains["freemail.example"]
    assert "Student" in titles
    assert "Intern" in titles
    assert any(record.properties.get("hs_email_optout") == "true" for record in people)
    assert any(record.properties.get("profiling_objection") == "true" for record in people)
    assert any(record.properties.get("hs_email_hard_bounce_reason_enum") for record in people)
    assert any(row["Profiling_Objection__c"] for row in rows(world, "Lead"))


def test_records_are_doubled_merged_archived_deleted_and_converted(world: World) -> None:
    leads = world.org.tables["Lead"].values()
    spellings: dict[str, set[str]] = {}
    for row in rows(world, "Lead"):
        spellings.setdefault(row["Email"].strip().lower(), set()).add(row["Email"])
    assert any(len(ways) > 1 for ways in spellings.values())
    assert any(row["IsDeleted"] and row.get("MasterRecordId") for row in leads)
    assert any(row["IsDeleted"] and not row.get("MasterRecordId") for row in leads)
    assert any(row.get("IsConverted") for row in leads)
    assert any(record.archived for record in world.portal.objects["contacts"].values())
    assert any("hs_merged_object_ids" in record.properties for record in contacts(world))


def test_buyers_have_a_won_deal_or_a_converted_lead(world: World) -> None:
    assert 0.03 * PEOPLE < len(world.filled.buyers) < 0.25 * PEOPLE
    customers = {record.id for record in contacts(world) if record.properties.get("lifecyclestage") == "customer"}
    won = {row["Id"] for row in rows(world, "Opportunity") if row["StageName"] == "Closed Won"}
    roles = {row["ContactId"] for row in rows(world, "OpportunityContactRole") if row["OpportunityId"] in won}
    assert customers | roles == world.filled.buyers


def test_buying_follows_from_behaviour_and_profile(world: World) -> None:
    """A naive score from facts that both a person and a model can see ranks buyers well above the others."""
    buyers = world.filled.buyers
    scored = [(_naive_score(record.properties), record.id in buyers) for record in contacts(world)]
    assert _auc(scored) > 0.82
    behaviour = [(_behaviour(record.properties), record.id in buyers) for record in contacts(world)]
    profile = [(_seniority(record.properties), record.id in buyers) for record in contacts(world)]
    assert _auc(behaviour) > 0.7
    assert _auc(profile) > 0.55


def _naive_score(properties: dict[str, str]) -> float:
    return _behaviour(properties) + 4 * _seniority(properties)


def _behaviour(properties: dict[str, str]) -> float:
    return float(properties.get("num_conversion_events", 0)) + float(properties.get("hs_analytics_num_visits", 0)) / 2


def _seniority(properties: dict[str, str]) -> float:
    title = properties.get("jobtitle", "").lower()
    if not title:
        return 0.5  # unknown is not bad
    if any(word in title for word in ("chief", "ceo", "cto", "founder", "vp", "vice", "head", "direct")):
        return 1.0
    return 0.6 if "manager" in title or "lead" in title else 0.0


def _auc(scored: list[tuple[float, bool]]) -> float:
    """Share of (buyer, other) pairs in which the buyer has the higher score, ties counting half."""
    bought = [score for score, is_buyer in scored if is_buyer]
    others = [score for score, is_buyer in scored if not is_buyer]
    wins = sum((one > other) + 0.5 * (one == other) for one in bought for other in others)
    return wins / (len(bought) * len(others))


def test_the_demonstration_has_rows_that_each_crm_refuses() -> None:
    world = make(people=60)
    demo_troubles(world.portal, world.org)
    refused = [
        message
        for row in rows(world, "Lead")
        for rule in world.org.validation_rules
        if (message := rule("Lead", row)) is not None
    ]
    assert len(refused) == 5
    assert all("postal code" in message for message in refused)
    assert len(world.portal.refusals) == 2
    contact = world.org.tables["Contact"][rows(world, "Contact")[0]["Id"]]
    assert all(rule("Contact", contact) is None for rule in world.org.validation_rules)


def test_a_small_population_is_complete_too() -> None:
    world = make(people=1)
    assert world.filled.people == 1
    assert contacts(world) or rows(world, "Lead") or rows(world, "Contact")
