"""The sandbox filled from a lead list: the example mapping, and what is said when list or mapping is wrong."""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.core import SandboxClock, Shared
from sandbox.hubspot.portal import Portal
from sandbox.leadlist import Filled, LeadListProblem, fill
from sandbox.salesforce.org import Org

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "leadlist-elearning.yaml"
LEADS = 200


@dataclass(frozen=True)
class World:
    portal: Portal
    org: Org
    filled: Filled


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def a_list(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """A list of the shape of an e-learning company's."""
    rng = random.Random(seed)
    return [
        {
            "ID": f"L{number:04}",
            "age": rng.randrange(18, 65),
            "current_occupation": rng.choice(("Professional", "Unemployed", "Student")),
            "first_interaction": rng.choice(("Website", "Mobile App")),
            "profile_completed": rng.choice(("Low", "Medium", "High")),
            "website_visits": rng.randrange(8),
            "time_spent_on_website": rng.randrange(2000),
            "page_views_per_visit": round(rng.uniform(0, 6), 3),
            "last_activity": rng.choice(("Email Activity", "Phone Activity", "Website Activity")),
            "print_media_type1": "No",
            "referral": rng.choice(("Yes", "No")),
            "status": rng.choice((0, 0, 1)),
        }
        for number in range(count)
    ]


def companies() -> list[dict[str, Any]]:
    return [
        {"account": name, "sector": sector, "revenue": 12.5, "employees": 340, "office_location": "Norway"}
        for name, sector in (("Blue Fjord", "retail"), ("Quick Oak", "technolgy"), ("Ünder Lamp", "finance"))
    ]


def deals() -> list[dict[str, Any]]:
    stages = (("Won", "2017-03-01", 1054), ("Lost", "2017-12-31", 0), ("Engaging", "", ""), ("Prospecting", "", ""))
    return [
        {
            "opportunity_id": f"D{number}",
            "product": "Course",
            "account": account,
            "deal_stage": stage,
            "engage_date": "2016-10-20" if stage != "Prospecting" else "",
            "close_date": closed,
            "close_value": value,
        }
        for number, (account, (stage, closed, value)) in enumerate(
            (account, stage) for account in ("Blue Fjord", "Quick Oak", "") for stage in stages
        )
    ]


def make(csv_path: Path, mapping: Path = EXAMPLE, seed: int = 7) -> World:
    shared = Shared(clock=SandboxClock(frozen=NOW))
    portal, org = Portal(shared), Org(shared)
    return World(portal, org, fill(portal, org, csv_path, mapping, seed=seed, now=NOW))


@pytest.fixture
def world(tmp_path: Path) -> World:
    write_csv(tmp_path / "maven_accounts.csv", companies())
    write_csv(tmp_path / "maven_sales_pipeline.csv", deals())
    return make(write_csv(tmp_path / "leads.csv", a_list(LEADS)))


def test_every_lead_is_in_at_least_one_crm_and_nobody_is_invented(world: World) -> None:
    shown = {record.properties["email"].partition("@")[0] for record in world.portal.objects["contacts"].values()}
    kept = {row["Email"].partition("@")[0] for row in world.org.tables["Lead"].values()}
    assert shown | kept == {lead["ID"].lower() for lead in a_list(LEADS)}
    assert shown - kept
    assert kept - shown
    assert len(shown & kept) > LEADS / 5


def test_the_columns_arrive_translated_in_both_crms(world: World) -> None:
    by_id = {lead["ID"].lower(): lead for lead in a_list(LEADS)}
    for record in world.portal.objects["contacts"].values():
        lead, properties = by_id[record.properties["email"].partition("@")[0]], record.properties
        assert properties["age"] == str(lead["age"])
        assert properties["jobtitle"] == lead["current_occupation"]
        source = {"Website": "DIRECT_TRAFFIC", "Mobile App": "OTHER_CAMPAIGNS"}[lead["first_interaction"]]
        assert properties["hs_analytics_source"] == source
        assert properties["came_by_referral"] == ("true" if lead["referral"] == "Yes" else "false")
        views = round(lead["website_visits"] * lead["page_views_per_visit"])
        assert int(properties.get("hs_analytics_num_visits", 0)) == lead["website_visits"]
        if lead["website_visits"]:
            assert int(properties["hs_analytics_num_page_views"]) == max(views, lead["website_visits"])
            assert NOW - timedelta(days=120) <= record.created < NOW
            assert properties["hs_analytics_first_timestamp"] < properties["hs_analytics_last_timestamp"]
    for row in world.org.tables["Lead"].values():
        lead = by_id[row["Email"].partition("@")[0]]
        assert row["Age__c"] == lead["age"]
        assert row["LeadSource"] == {"Website": "Web", "Mobile App": "Other"}[lead["first_interaction"]]
        assert row["Came_By_Referral__c"] is (lead["referral"] == "Yes")


def test_those_who_bought_are_customers_and_converted_leads(world: World) -> None:
    bought = {lead["ID"].lower() for lead in a_list(LEADS) if lead["status"] == 1}
    assert world.filled.converted == len(bought)
    for record in world.portal.objects["contacts"].values():
        is_buyer = record.properties["email"].partition("@")[0] in bought
        assert record.properties["lifecyclestage"] == ("customer" if is_buyer else "lead")
    for row in world.org.tables["Lead"].values():
        assert bool(row.get("IsConverted")) is (row["Email"].partition("@")[0] in bought)
    contact = next(iter(world.org.tables["Contact"].values()))
    assert contact["Age__c"] >= 18  # custom fields follow the person


def test_records_of_one_person_are_linked(world: World) -> None:
    linked = Counter(
        name
        for record in world.portal.objects["contacts"].values()
        for name, sobject in (("salesforceleadid", "Lead"), ("salesforcecontactid", "Contact"))
        if record.properties.get(name) in world.org.tables[sobject]
    )
    assert linked["salesforceleadid"] > 20
    assert linked["salesforcecontactid"] > 10


def test_the_last_activity_is_an_event_in_each_crm(world: World) -> None:
    activities = {lead["ID"].lower(): lead["last_activity"] for lead in a_list(LEADS)}
    opens = {event.recipient.partition("@")[0] for event in world.portal.marketing.events.items if event.type == "OPEN"}
    assert opens
    assert {activities[who] for who in opens} == {"Email Activity"}
    people = world.org.tables["Lead"] | world.org.tables["Contact"]
    callers = {people[row["WhoId"]]["Email"].partition("@")[0] for row in world.org.tables["Task"].values()}
    assert callers
    assert {activities[who] for who in callers} == {"Phone Activity"}
    assert world.org.tables["EmailMessage"]


def test_companies_and_deals_come_from_the_lists_beside(world: World) -> None:
    assert (world.filled.accounts, world.filled.deals) == (3, 8)
    fjord = next(row for row in world.org.tables["Account"].values() if row["Name"] == "Blue Fjord")
    assert (fjord["Industry"], fjord["AnnualRevenue"], fjord["NumberOfEmployees"]) == ("Retail", 12_500_000, 340)
    shown = next(r for r in world.portal.objects["companies"].values() if r.properties["name"] == "Quick Oak")
    assert shown.properties["industry"] == "COMPUTER_HARDWARE"
    assert all("associatedcompanyid" in record.properties for record in world.portal.objects["contacts"].values())

    won = [row for row in world.org.tables["Opportunity"].values() if row["StageName"] == "Closed Won"]
    assert {row["Amount"] for row in won} == {1054}
    # The newest date of the list falls on the present day, the others keep their distance to it.
    distance = datetime(2017, 12, 31, tzinfo=UTC) - datetime(2017, 3, 1, tzinfo=UTC)
    assert {row["CloseDate"] for row in won} == {(NOW - distance).date().isoformat()}
    buyers = {row["ContactId"] for row in world.org.tables["OpportunityContactRole"].values()}
    converted = {row.get("ConvertedContactId") for row in world.org.tables["Lead"].values()}
    assert buyers
    assert buyers <= converted


def test_without_the_optional_files_there_are_leads_alone(tmp_path: Path) -> None:
    world = make(write_csv(tmp_path / "leads.csv", a_list(20)))
    assert world.filled == Filled(20, world.filled.converted, 0, 0)
    assert not world.portal.objects["companies"]


def test_the_same_list_and_seed_give_the_same(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "leads.csv", a_list(30))
    one, two, other = make(path), make(path), make(path, seed=8)
    assert one.portal.objects == two.portal.objects
    assert one.org.tables == two.org.tables
    assert one.org.tables != other.org.tables


def broken(row: int, **cells: object) -> list[dict[str, Any]]:
    rows = a_list(5)
    rows[row] |= cells
    return rows


@pytest.mark.parametrize(
    ("rows", "line", "said"),
    [
        (broken(2, website_visits="many"), 4, "website_visits is not a number"),
        (broken(0, current_occupation="Astronaut"), 2, "values: of current_occupation lack"),
        (broken(3, ID="L0001"), 5, "ID is empty or stands twice"),
        (broken(1, last_activity="Fax"), 3, "last_activity lacks"),
        ([{"ID": "L1", "age": 3}], 1, "there is no column 'current_occupation'"),
    ],
)
def test_a_broken_list_is_named_by_file_and_line(
    tmp_path: Path, rows: list[dict[str, Any]], line: int, said: str
) -> None:
    with pytest.raises(LeadListProblem) as caught:
        make(write_csv(tmp_path / "leads.csv", rows))
    assert f"leads.csv, line {line}: " in str(caught.value)
    assert said in str(caught.value)
    assert "Astronaut" not in str(caught.value)  # what stands in a cell may be personal


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("id: ID\ncolums: {}\n", 2, "Did you mean columns?"),
        ("id: ID\ncounters:\n  visits: {colum: v}\n", 3, "Did you mean column?"),
        ("days: 3\n", 1, "id"),
        ("id: ID\ndays: none\n", 2, "days"),
        ("id: [ID\n", 2, "not YAML"),
        ("- id\n", 1, "mapping of keys"),
        ("id: ID\ncolumns:\n  age: {hubspot: jobtitel}\n", 3, "Did you mean jobtitle?"),
        ("id: ID\ncolumns:\n  age: {salesforce: Titel}\n", 3, "Did you mean Title?"),
    ],
)
def test_a_broken_mapping_is_named_by_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(text, encoding="utf-8")
    with pytest.raises(LeadListProblem) as caught:
        make(write_csv(tmp_path / "leads.csv", a_list(3)), mapping)
    assert f"mapping.yaml, line {line}: " in str(caught.value)
    assert said in str(caught.value)


def test_an_address_that_stands_twice_is_one_contact_and_two_leads(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("id: ID\nemail: mail\ncrms: {hubspot: 1, salesforce: 0, both: 0}\n", encoding="utf-8")
    people = [{"ID": "1", "mail": "a@b.example"}, {"ID": "2", "mail": "A@b.example"}, {"ID": "3", "mail": ""}]
    world = make(write_csv(tmp_path / "leads.csv", people), mapping)
    assert [record.properties.get("email") for record in world.portal.objects["contacts"].values()] == [
        "a@b.example",
        None,
    ]
    assert [row["Email"] for row in world.org.tables["Lead"].values()] == ["A@b.example"]


@pytest.mark.parametrize("missing", ["leads.csv", "mapping.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    files = {"leads.csv": write_csv(tmp_path / "leads.csv", a_list(3)), "mapping.yaml": EXAMPLE}
    files[missing] = tmp_path / "elsewhere" / missing
    with pytest.raises(LeadListProblem, match="there is no such file"):
        make(files["leads.csv"], files["mapping.yaml"])


def test_a_value_that_is_no_option_of_the_property_is_refused(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("id: ID\ncolumns:\n  age: {hubspot: lifecyclestage}\n", encoding="utf-8")
    with pytest.raises(LeadListProblem, match=r"leads.csv, line \d: age is not an option of lifecyclestage"):
        make(write_csv(tmp_path / "leads.csv", a_list(3)), mapping)
