"""Account Engagement: whose each visitor activity is, what it was, and what may go wrong on its own host."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from config.settings import AccountEngagementSettings
from connectors.errors import AuthStop, ConfigProblem, Unreachable
from connectors.salesforce.visitor_activities import FIRST, TYPES, activity_type
from sandbox.salesforce import account_engagement
from scoring.facts import Table, is_activity_type
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from tests.connectors.salesforce_rig import SalesforceRig

STREAM = "activities.visitor_activities"
UNIT = "0Uv000000000001CAA"


def pull(sf: SalesforceRig, facts: Facts | None = None, **settings: Any) -> Facts:
    return (facts or Facts()).pull(sf.connector(**settings), [STREAM])


def rows(facts: Facts) -> list[dict[str, Any]]:
    return list(facts.tables[Table.ACTIVITIES].values())


def asked(sf: SalesforceRig) -> list[str]:
    return [call.query for call in sf.journal if call.path.endswith("/visitor-activities")]


def test_activities_belong_to_the_record_else_to_the_address_else_to_nobody(sf: SalesforceRig) -> None:
    now, add = sf.clock.now(), sf.org.engagement.add
    person = sf.person(1)
    add(4, now, person, details="Demo form", campaign="Spring")
    add(20, now, None, email="new@example.com", details="https://www.acme.example/pricing")
    add(20, now, None)
    sf.settle()
    form, visit = rows(pull(sf))
    assert (form["record_id"], form["email"], form["type"]) == (person, None, "form_submission")
    assert (form["asset"], form["campaign"], form["occurred_at"]) == ("Demo form", "Spring", now.replace(tzinfo=None))
    assert (visit["record_id"], visit["email"], visit["type"]) == (None, "new@example.com", "page_view")
    assert (visit["url"], visit["asset"]) == ("https://www.acme.example/pricing", None)


def test_a_visitor_who_becomes_known_brings_what_was_done_before(sf: SalesforceRig) -> None:
    seen = sf.org.engagement.add(20, sf.clock.now(), None)
    sf.settle()
    facts = pull(sf)
    assert rows(facts) == []
    person = sf.person(1)
    sf.org.engagement.recognise(seen, person, sf.clock.now())
    sf.settle()
    assert [row["record_id"] for row in rows(pull(sf, facts))] == [person]
    other = sf.person(2)
    sf.org.engagement.recognise(seen, other, sf.clock.now())
    sf.settle()
    assert [row["record_id"] for row in rows(pull(sf, facts))] == [other], "told again, not a second time"


def test_a_lead_that_is_converted_keeps_its_activities_in_the_contact(sf: SalesforceRig) -> None:
    lead = sf.person(1)
    sf.org.engagement.add(11, sf.clock.now(), lead)
    contact = sf.convert(lead)
    sf.settle()
    assert [row["record_id"] for row in rows(pull(sf))] == [contact]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"type": 1, "emailId": 5}, "email_click"),
        ({"type": 1, "listEmailId": 5}, "email_click"),
        ({"type": 1}, "custom:link_click"),
        ({"type": 2, "fileId": 5}, "download"),
        ({"type": 2, "formId": 5}, "page_view"),
        ({"type": 3}, "custom:form_error"),
        ({"type": 9}, None),
        ({"type": 23}, None),
        ({"type": 99}, None),
    ],
)
def test_types(row: dict[str, Any], expected: str | None) -> None:
    assert activity_type(row) == expected


def test_every_type_is_mapped_into_the_vocabulary_or_left_out_on_purpose() -> None:
    assert all(is_activity_type(name) for name in TYPES.values())
    left_out = account_engagement.TYPES.keys() - TYPES.keys() - {1, 2}
    assert {account_engagement.TYPES[code] for code in left_out} == {
        "Session", "New Opportunity", "Opportunity Won", "Opportunity Lost", "Opportunity Reopened",
        "Opportunity Linked", "Opportunity Unlinked", "Invited to Webinar",
    }  # fmt: skip


def test_pages_go_by_id_so_that_neither_token_nor_cap_matter(
    sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_engagement, "MOST_BY_TOKEN", 6)
    person = sf.person(1)
    for _ in range(20):
        sf.org.engagement.add(11, sf.clock.now(), person)
    sf.settle()
    facts, stream = Facts(), sf.connector().pull(STREAM, None)
    for batch in stream:
        facts.store(STREAM, batch)
        sf.clock.advance(5 * 3600)  # longer than a page token lives
    assert len(rows(facts)) == 20
    assert not any("nextPageToken" in query for query in asked(sf))


def test_a_first_read_goes_back_two_years_and_reads_end_before_what_may_still_be_missing(sf: SalesforceRig) -> None:
    person, now = sf.person(1), sf.clock.now()
    sf.org.engagement.add(11, now - FIRST - timedelta(days=1), person)
    sf.org.engagement.add(11, now - FIRST + timedelta(days=1), person)
    sf.org.engagement.add(11, now, person)
    facts = pull(sf)
    assert {row["activity_id"] for row in rows(facts)} == {"ae-2"}, "the newest may be one of several, not all shown"
    sf.settle()
    assert {row["activity_id"] for row in rows(pull(sf, facts))} == {"ae-2", "ae-3"}


def test_29_what_is_shown_late_is_read_all_the_same(sf: SalesforceRig) -> None:
    sf.shared.commit_delay_s = 400.0
    facts, person = Facts(), sf.person(1)
    for _ in range(12):
        sf.org.engagement.add(11, sf.clock.now(), person)
        sf.clock.advance(100)
        pull(sf, facts)
    sf.settle()
    assert len(rows(pull(sf, facts))) == 12


def test_mailings_are_left_to_account_engagement_and_other_mails_are_not(sf: SalesforceRig) -> None:
    del sf.org.schema["EmailMessage"]
    person = sf.person(1)
    for kind in ("ListEmail", "Email"):
        sf.org.insert("Task", {"WhoId": person, "Status": "Completed", "TaskSubtype": kind}, created=sf.clock.now())
    sf.settle()
    for unit, sent in (({}, 1), ({"account_engagement": None}, 2)):
        facts = Facts().pull(sf.connector(**unit), ["activities.tasks"])
        assert [row["type"] for row in rows(facts)] == ["email_sent"] * sent


def test_without_the_section_there_is_no_stream(sf: SalesforceRig) -> None:
    connector = sf.connector(account_engagement=None)
    assert STREAM not in [stream.name for stream in connector.streams()]
    with pytest.raises(ConfigProblem, match="no stream"):
        list(connector.pull(STREAM, None))
    list(connector.check())
    assert asked(sf) == []


def test_22_a_role_without_the_ability_is_named(sf: SalesforceRig) -> None:
    sf.org.engagement.may_view = False
    connector = sf.connector()
    [finding] = [one for one in connector.check() if one.subject == "Account Engagement"]
    assert finding.level == "fail"
    assert "Visitors > View" in finding.remedy
    with pytest.raises(AuthStop, match="Visitors > View"):
        list(connector.pull(STREAM, None))


def test_a_wrong_business_unit_and_a_missing_scope_are_told_apart(sf: SalesforceRig) -> None:
    sf.connector().identify()
    unit = AccountEngagementSettings(business_unit_id="0Uv000000000009CAA", base_url=sf.url)
    with pytest.raises(ConfigProblem, match="business_unit_id"):
        list(sf.connector(account_engagement=unit).pull(STREAM, None))
    sf.troubles.set("session_expired", match="visitor-activities", times=2)
    with pytest.raises(AuthStop, match="pardot_api"):
        list(sf.connector().pull(STREAM, None))


@pytest.mark.parametrize("how", ["theirs", "ours"])
def test_41_its_day_is_its_own_and_stops_nothing_else(sf: SalesforceRig, how: str) -> None:
    """Only LimitReached would end the pull of all streams."""
    person = sf.person(1)
    for _ in range(20):
        sf.org.engagement.add(11, sf.clock.now(), person)
    sf.settle()
    if how == "theirs":
        sf.troubles.set("daily_limit", match="visitor-activities", skip=2)
    else:
        sf.org.engagement.daily = 12  # a quarter of which is three calls
    facts, connector = Facts(), sf.connector()
    with pytest.raises(Unreachable, match="daily calls"):
        facts.pull(connector, [STREAM])
    assert 0 < len(rows(facts)) < 20
    facts.pull(connector, ["records.lead"])
    sf.org.engagement.daily = 25_000
    assert len(rows(pull(sf, facts))) == 20


def test_passing_troubles_of_its_host_delay_it(sf: SalesforceRig) -> None:
    sf.org.engagement.add(11, sf.clock.now(), sf.person(1))
    sf.settle()
    for trouble in ({"name": "html_503"}, {"name": "status", "code": 429}, {"name": "cut", "after": 9}):
        sf.troubles.set(match="visitor-activities", **trouble)
        connector = sf.connector()
        assert len(rows(Facts().pull(connector, [STREAM]))) == 1
        assert connector.usage().retries == 1, trouble


def test_the_session_is_shown_to_nobody_but_account_engagement() -> None:
    from connectors.salesforce.business_unit import BusinessUnit

    for url in ("https://pardot.com.evil.example", "https://evil.example"):
        with pytest.raises(ConfigProblem, match="not an Account Engagement address"):
            BusinessUnit(AccountEngagementSettings(business_unit_id=UNIT, base_url=url), None, None, None)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        AccountEngagementSettings(business_unit_id=UNIT, base_url="http://pi.pardot.com")
    with pytest.raises(ValidationError):
        AccountEngagementSettings(business_unit_id="00D000000000001EAA")


def test_84_no_address_gets_into_errors(sf: SalesforceRig) -> None:
    sf.org.engagement.add(20, sf.clock.now(), None, email="canary@example.com", details="Canary")
    sf.settle()
    sf.troubles.set("status", code=418, match="visitor-activities")
    with pytest.raises(Exception, match="418") as caught:
        list(sf.connector().pull(STREAM, None))
    assert "anary" not in str(caught.value)
