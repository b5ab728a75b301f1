"""Reading Salesforce: the traps that only Salesforce has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from config.settings import AttributeSetting
from connectors.errors import AuthStop, ConfigProblem, ConnectorError, LimitReached, Unreachable
from connectors.salesforce import bulk_query, composite
from scoring.facts import OBSERVED_PREFIX, Table
from tests.connectors.conftest import SERVER_TIME
from tests.connectors.facts_of import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.connectors.salesforce_rig import SalesforceRig

LEADS = ["records.lead"]
MAIL = "activities.email_messages"


def queries(sf: SalesforceRig, sobject: str) -> list[str]:
    """The SOQL texts that were asked of an object, by REST or by job."""
    from urllib.parse import parse_qs

    texts = []
    for call in sf.journal:
        if call.path.endswith(("/query", "/queryAll")) and call.method == "GET":
            texts += parse_qs(call.query)["q"]
        elif call.path.endswith("/jobs/query") and call.method == "POST":
            texts.append(orjson.loads(call.body)["query"])
    return [text for text in texts if f" FROM {sobject} " in text]


def jobs(sf: SalesforceRig) -> int:
    return sum(call.method == "POST" and call.path.endswith("/jobs/query") for call in sf.journal)


# --- REST and Bulk ---------------------------------------------------------------------------------------------


def test_rest_below_and_bulk_above_give_the_same_facts(sf: SalesforceRig) -> None:
    ids = [sf.person(n, first_name="Null" if n % 2 else "NA", last_name='a\nb, "c"\u2028日本') for n in range(450)]
    sf.org.update("Lead", ids[0], {"NumberOfEmployees": 40, "AnnualRevenue": 1e7, "HasOptedOutOfEmail": True})
    sf.log_activity(ids[0], 1)
    contact = sf.org.convert(ids[1], with_opportunity=True)
    by_rest = Facts().pull(sf.connector(bulk_above=1000))
    assert jobs(sf) == 0
    by_bulk = Facts().pull(sf.connector(bulk_above=0))
    assert jobs(sf) > 0
    assert by_rest.comparable() == by_bulk.comparable()
    row = by_bulk.records()[ids[0]]
    assert (row["attr.company.employee_count"], row["attr.company.annual_revenue"]) == ("40", "10000000")
    assert (row["attr.unsubscribed"], row["attr.first_name"]) == ("true", "NA")
    assert by_bulk.records()[contact]["attr.first_name"] == "Null"
    assert row["attr.last_name"] == 'a\nb, "c"\u2028日本'


def test_pages_of_a_job_follow_the_locator_until_it_is_the_text_null(
    sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_query, "PAGE_ROWS", 100)
    for n in range(300):
        sf.person(n)
    facts = Facts().pull(sf.connector(bulk_above=0), LEADS)
    assert facts.column("email") == sf.live()
    pages = [call for call in sf.journal if call.path.endswith("/results")]
    assert len(pages) == 3
    assert all("locator=null" not in call.query for call in pages)


def test_csv_without_a_charset_is_utf_8_and_offsets_are_understood(sf: SalesforceRig) -> None:
    record_id = sf.person(1, last_name="Müller-日本")
    sf.troubles.set("no_charset", times=None)
    sf.troubles.set("times_with_offset", times=None)
    [row] = Facts().pull(sf.connector(bulk_above=0), LEADS).records().values()
    assert (row["record_id"], row["attr.last_name"]) == (record_id, "Müller-日本")
    assert row["created_at"] == SERVER_TIME.replace(tzinfo=None)


def test_37_a_slow_job_is_waited_for_and_a_session_may_end_meanwhile(sf: SalesforceRig) -> None:
    for n in range(5):
        sf.person(n)
    sf.troubles.set("job_slow", polls=30)
    sf.troubles.set("session_expired", match="/jobs/query/", skip=20)
    connector = sf.connector(bulk_above=0)
    assert Facts().pull(connector, LEADS).column("email") == sf.live()
    assert sum(call.path == "/services/oauth2/token" for call in sf.journal) == 2


@pytest.mark.parametrize("bulk_above", [0, 2000])
def test_50_a_query_that_runs_too_long_is_halved_and_both_halves_are_read(sf: SalesforceRig, bulk_above: int) -> None:
    for n in range(40):
        sf.person(n)
        sf.clock.advance(86_400)
    if bulk_above:
        sf.troubles.set("query_timeout", times=3, over_rows=10)
    else:
        sf.troubles.set("job_failed", times=2)
    facts = Facts().pull(sf.connector(bulk_above=bulk_above), LEADS)
    assert facts.column("email") == sf.live()
    assert facts.slices_left == sorted(facts.slices_left, reverse=True)
    assert (facts.slices_left[0], facts.slices_left[-1]) == (1, 0)


@pytest.mark.parametrize(
    ("text", "error", "exit_code"),
    [
        ("InternalServerError : UNKNOWN_EXCEPTION: an unexpected error", Unreachable, 5),
        ("InternalError : x", Unreachable, 5),
        ("", Unreachable, 5),
        ("InvalidBatch : Failed to process query: INSUFFICIENT_ACCESS: ann@example.com may not", AuthStop, 3),
        ("InvalidBatch : Failed to process query: INVALID_FIELD: No such column 'Plan__c' on entity 'Lead'",
         ConfigProblem, 2),
        ("REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.", LimitReached, 5),
    ],
)  # fmt: skip
def test_38_a_query_job_that_fails_is_never_zero_rows_and_says_what_to_do(
    sf: SalesforceRig, text: str, error: type[ConnectorError], exit_code: int
) -> None:
    sf.person(1)
    sf.troubles.set("job_failed", message=text)
    with pytest.raises(error) as raised:
        Facts().pull(sf.connector(bulk_above=0), LEADS)
    assert raised.value.exit_code == exit_code
    assert raised.value.remedy
    assert "@" not in str(raised.value)
    assert Facts().pull(sf.connector(bulk_above=0), LEADS).column("email") == sf.live()


def test_38_a_second_that_is_too_long_stops_the_run_instead_of_counting_as_empty(sf: SalesforceRig) -> None:
    sf.person(1)
    sf.troubles.set("query_timeout", times=None)
    with pytest.raises(Unreachable, match="within one second"):
        Facts().pull(sf.connector(), LEADS)


def test_50_a_small_query_that_runs_too_long_stops_the_run_for_now(sf: SalesforceRig) -> None:
    """There is nothing to halve, and no bug in it either."""
    sf.troubles.set("query_timeout", times=1)
    with pytest.raises(Unreachable, match="QUERY_TIMEOUT") as raised:
        sf.connector().identify()
    assert raised.value.exit_code == 5
    assert raised.value.remedy


def test_35_a_lost_cursor_restarts_its_slice_only(sf: SalesforceRig) -> None:
    for n in range(900):
        sf.person(n)
        sf.clock.advance(1)
    sf.troubles.set("locator_expired", times=2, skip=2)
    sf.troubles.set("repeat_row", times=2)
    assert Facts().pull(sf.connector(), LEADS).column("email") == sf.live()
    starts = [text for text in queries(sf, "Lead") if "ORDER BY" in text]
    assert len(starts) == 3
    assert starts == sorted(starts)  # each begins where the last had come to
    assert len(set(starts)) == 3


def test_51_a_row_on_two_pages_is_one_row(sf: SalesforceRig) -> None:
    for n in range(450):
        sf.person(n)
    sf.troubles.set("repeat_row", times=None)
    facts = Facts().pull(sf.connector(), LEADS)
    assert facts.column("email") == sf.live()
    assert facts.rows_in > 450


def test_a_pull_goes_on_in_the_middle_of_a_job_and_anew_when_the_job_is_gone(
    sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_query, "PAGE_ROWS", 100)
    for n in range(250):
        sf.person(n)
    first = Facts()
    for batch in sf.connector(bulk_above=0).pull("records.lead", None):
        first.store("records.lead", batch)
        break
    assert "job" in first.cursors["records.lead"]
    before = jobs(sf)
    for gone in (False, True):
        facts = Facts()
        facts.tables[Table.RECORDS] = dict(first.tables[Table.RECORDS])
        facts.cursors = dict(first.cursors)
        if gone:
            sf.org.jobs.clear()
        facts.pull(sf.connector(bulk_above=1000), LEADS)
        assert facts.column("email") == sf.live()
        assert jobs(sf) == before


@pytest.mark.parametrize("pages_before", [0, 1])
def test_a_result_that_is_gone_while_it_is_read_stops_the_run_and_the_next_reads_its_window_anew(
    sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch, pages_before: int
) -> None:
    monkeypatch.setattr(bulk_query, "PAGE_ROWS", 100)
    for n in range(250):
        sf.person(n)
    facts = Facts()
    sf.troubles.set("results_expired", skip=pages_before, times=2)
    with pytest.raises(Unreachable, match="is gone before all of it was read"):
        facts.pull(sf.connector(bulk_above=0), LEADS)
    assert facts.pull(sf.connector(bulk_above=1000), LEADS).column("email") == sf.live()


def test_39_objects_that_bulk_refuses_are_read_by_rest(sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.salesforce import bulk_query as sandbox_jobs

    monkeypatch.setattr(sandbox_jobs, "_NEVER_IN_BULK", frozenset({"lead"}))
    sf.person(1)
    assert Facts().pull(sf.connector(bulk_above=0), LEADS).column("email") == sf.live()


def test_45_a_page_that_is_not_whole_is_fetched_again(sf: SalesforceRig) -> None:
    for n in range(50):
        sf.person(n)
    sf.troubles.set("cut", match="/results", after=1500)
    connector = sf.connector(bulk_above=0)
    assert Facts().pull(connector, LEADS).column("email") == sf.live()
    assert connector.usage().retries == 1


# --- time ------------------------------------------------------------------------------------------------------


def test_29_a_change_that_becomes_visible_late_is_caught_by_the_overlap(sf: SalesforceRig) -> None:
    sf.person(1)
    sf.troubles.set("late_commit", match="Lead", seconds=300)
    late = sf.person(2)
    sf.clock.advance(60)
    facts = Facts().pull(sf.connector(), LEADS)
    assert late not in facts.records()
    sf.clock.advance(400)
    assert late in facts.pull(sf.connector(), LEADS).records()


@pytest.mark.parametrize("skew_s", [-500, 500])
def test_33_a_date_header_that_is_off_loses_nothing(sf: SalesforceRig, skew_s: int) -> None:
    sf.person(1)
    sf.settle()
    sf.troubles.set("date_skew", times=None, seconds=skew_s)
    facts = Facts().pull(sf.connector(), LEADS)
    sf.clock.advance(30)
    sf.person(2)
    sf.settle()
    assert facts.pull(sf.connector(), LEADS).column("email") == sf.live()
    skew = next(finding for finding in sf.connector().check() if finding.subject == "clock")
    assert skew.level == "warn"


def test_31_a_stamp_moved_by_the_system_alone_brings_the_row_again(sf: SalesforceRig) -> None:
    record_id = sf.person(1)
    sf.settle()
    facts = Facts().pull(sf.connector(), LEADS)
    sf.settle()
    sf.org.update("Lead", record_id, {"Title": "By import"}, system=True)
    facts.pull(sf.connector(), LEADS)
    assert facts.records()[record_id]["attr.job_title"] == "By import"


def test_a_quiet_cycle_costs_one_count_per_query(sf: SalesforceRig) -> None:
    sf.person(1)
    sf.settle()
    facts = Facts().pull(sf.connector(), LEADS)
    sf.settle()
    sf.journal.clear()
    facts.pull(sf.connector(), LEADS)
    asked = [call.path.rpartition("/")[2] for call in sf.journal]
    assert asked == ["token", "data", "composite", "query"]


def test_what_cannot_be_read_together_is_read_by_itself(sf: SalesforceRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that met passing trouble is asked again, one that was refused fails its own stream, others go on."""
    record_id = sf.person(1)
    sf.settle()
    facts = Facts().pull(sf.connector())
    sf.log_activity(record_id, 1)
    sf.org.delete("Lead", record_id)
    sf.settle()
    alone = composite.told

    def troubled(answer: dict[str, Any], parts: Sequence[composite.Part]) -> list[Any]:
        for one in answer["compositeResponse"][::2]:
            one["httpStatusCode"], one["body"] = 503, [{"errorCode": "SERVER_UNAVAILABLE", "message": ""}]
        return alone(answer, parts)

    monkeypatch.setattr(composite, "told", troubled)
    facts.pull(sf.connector())
    assert facts.records() == {}
    monkeypatch.undo()
    sf.troubles.set("refuse", match="/composite", code="REQUEST_RUNNING_TOO_LONG", status=400, times=None)
    assert Facts().pull(sf.connector()).records() == {}
    sf.troubles.clear()
    sf.org.hidden_fields.add(("Task", "Subject"))
    with pytest.raises(ConfigProblem, match=r"Task\.Subject"):
        facts.pull(sf.connector())
    facts.pull(sf.connector(), ["activities.events"])


def test_a_count_among_others_that_takes_too_long_is_halved_by_itself(sf: SalesforceRig) -> None:
    ids = []
    for n in range(12):
        ids.append(sf.person(n))
        sf.org.delete("Lead", ids[-1])
        sf.clock.advance(86_400)
    sf.troubles.set("query_timeout", times=4, over_rows=4)
    facts = Facts().pull(sf.connector(), ["removals"])
    assert {row["record_id"] for row in facts.tables[Table.REMOVALS].values()} == set(ids)


# --- fields ----------------------------------------------------------------------------------------------------


def test_47_a_configured_field_that_is_hidden_stops_the_pull_and_names_the_permission(sf: SalesforceRig) -> None:
    sf.org.define("Lead", "Budget__c", "currency", visible=False)
    mapping = {"budget": AttributeSetting(type="number", salesforce={"Lead": "Budget__c"})}
    with pytest.raises(ConfigProblem, match=r"Lead\.Budget__c.*field-level security"):
        Facts().pull(sf.connector(mapping=mapping), LEADS)
    sf.org.grant("Lead", "Budget__c")
    record_id = sf.person(1)
    sf.org.update("Lead", record_id, {"Budget__c": 12.5})
    [batch] = [batch for batch in sf.connector(mapping=mapping).pull("records.lead", None) if batch.rows.num_rows]
    assert batch.rows["attr.budget"].to_pylist() == ["12.5"]


def test_a_default_field_that_is_hidden_is_unknown_and_check_says_so(sf: SalesforceRig) -> None:
    sf.person(1, job_title="Chief")
    sf.org.hidden_fields.add(("Lead", "Title"))
    [row] = Facts().pull(sf.connector(), LEADS).records().values()
    assert row["attr.job_title"] is None
    finding = next(one for one in sf.connector().check() if one.subject == "Lead.Title")
    assert (finding.level, "Lead.Title" in finding.remedy) == ("warn", True)


def test_a_needed_field_that_is_hidden_stops_the_pull(sf: SalesforceRig) -> None:
    sf.org.hidden_fields.add(("Lead", "Email"))
    with pytest.raises(ConfigProblem, match=r"Lead\.Email"):
        Facts().pull(sf.connector(), LEADS)


def test_compound_and_formula_fields_are_found_out(sf: SalesforceRig) -> None:
    sf.org.define("Lead", "Heat__c", "double", calculated=True)
    mapping = {
        "place": AttributeSetting(salesforce={"Lead": "Address"}),
        "heat": AttributeSetting(type="number", salesforce={"Lead": "Heat__c"}),
    }
    found = {finding.subject: finding for finding in sf.connector(mapping=mapping).check()}
    assert found["Lead.Address"].level == "fail"
    assert found["Lead.Heat__c"].level == "warn"
    with pytest.raises(ConfigProblem, match="compound"):
        Facts().pull(sf.connector(mapping=mapping), LEADS)


def test_34_a_formula_that_changed_without_a_stamp_is_found_once_a_day(sf: SalesforceRig) -> None:
    sf.org.define("Lead", "Heat__c", "double", calculated=True)
    mapping = {"heat": AttributeSetting(type="number", salesforce={"Lead": "Heat__c"})}
    lead = sf.person(1)

    def heats(cursor: str | None) -> tuple[list[str], str]:
        batches = list(sf.connector(mapping=mapping).pull("records.lead", cursor))
        return [heat for each in batches for heat in each.rows["attr.heat"].to_pylist()], batches[-1].cursor

    sf.org.tables["Lead"][lead]["Heat__c"] = 1.0
    sf.settle()
    found, cursor = heats(None)
    assert found == ["1"]
    sf.org.tables["Lead"][lead]["Heat__c"] = 2.0
    sf.settle()
    found, cursor = heats(cursor)
    assert found == []
    sf.clock.advance(timedelta(hours=23).total_seconds())
    found, cursor = heats(cursor)
    assert found == ["2"]
    assert heats(cursor)[0] == []


def test_fields_made_while_the_process_lives_are_seen_at_the_next_run(sf: SalesforceRig) -> None:
    record_id = sf.person(1)
    connector = sf.connector()
    Facts().pull(connector, LEADS)
    sf.org.define("Lead", "Leadgrade_Rating__c")
    sf.org.update("Lead", record_id, {"Leadgrade_Rating__c": "B2"})
    connector.identify()
    assert Facts().pull(connector, LEADS).records()[record_id][OBSERVED_PREFIX + "rating"] == "B2"


def test_a_field_that_is_opened_later_reaches_the_rows_that_did_not_change(sf: SalesforceRig) -> None:
    record_id = sf.person(1, job_title="Chief")
    sf.org.hidden_fields.add(("Lead", "Title"))
    sf.settle()
    facts = Facts().pull(sf.connector(), LEADS)
    assert facts.records()[record_id]["attr.job_title"] is None
    sf.org.hidden_fields.clear()
    sf.settle()
    assert facts.pull(sf.connector(), LEADS).records()[record_id]["attr.job_title"] == "Chief"
    sf.settle()
    before = facts.rows_in
    assert facts.pull(sf.connector(), LEADS).rows_in == before


def test_an_object_that_was_never_there_is_no_failure_and_one_that_goes_is(sf: SalesforceRig) -> None:
    spec = sf.org.schema.pop("EmailMessage")
    assert list(sf.connector().pull(MAIL, None)) == []
    levels = {finding.subject: finding.level for finding in sf.connector().check()}
    assert levels["Enhanced Email"] == "warn"
    sf.org.schema["EmailMessage"] = spec
    facts = Facts().pull(sf.connector(), [MAIL])
    del sf.org.schema["EmailMessage"]
    with pytest.raises(AuthStop, match="EmailMessage"):
        facts.pull(sf.connector(), [MAIL])


def test_a_needed_object_that_is_off_is_a_matter_of_permissions(sf: SalesforceRig) -> None:
    del sf.org.schema["Task"]
    with pytest.raises(AuthStop, match="Task"):
        list(sf.connector().pull("activities.tasks", None))


def test_49_activities_of_too_many_people_are_read_in_smaller_windows(sf: SalesforceRig) -> None:
    for n in range(12):
        sf.log_activity(sf.person(n), n)
        sf.clock.advance(86_400)
    sf.troubles.set("operation_too_large", times=3, people=4)
    facts = Facts().pull(sf.connector(), ["activities.tasks", "removals"])
    assert len(facts.column("record_id", Table.ACTIVITIES)) == 12


def test_49_activities_of_too_many_people_name_the_missing_right(sf: SalesforceRig) -> None:
    sf.log_activity(sf.person(1), 1)
    sf.troubles.set("operation_too_large", times=None)
    with pytest.raises(AuthStop, match="View All"):
        Facts().pull(sf.connector(), ["activities.tasks"])


# --- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_app", [False, True])
def test_41_the_days_share_stops_early_with_the_cursor_kept(sf: SalesforceRig, per_app: bool) -> None:
    for n in range(900):
        sf.person(n)
        sf.clock.advance(1)
    sf.org.limits.set_daily(40)
    sf.org.limits.per_app_header = per_app
    facts = Facts()
    with pytest.raises(LimitReached, match="our share"):
        facts.pull(sf.connector(daily_share=0.15), LEADS)
    assert 0 < len(facts.records()) < 900
    sf.clock.advance(timedelta(days=1, hours=1).total_seconds())
    assert facts.pull(sf.connector(), LEADS).column("email") == sf.live()


def test_a_spent_day_and_a_spent_bulk_quota_stop_at_once(sf: SalesforceRig) -> None:
    sf.person(1)
    connector = sf.connector(bulk_above=0)
    connector.identify()
    sf.troubles.set("daily_limit")
    with pytest.raises(LimitReached):
        list(connector.pull("records.lead", None))
    sf.troubles.set("bulk_refused")
    with pytest.raises(LimitReached, match="Bulk"):
        list(connector.pull("records.lead", None))
    assert connector.usage().retries == 0


@pytest.mark.parametrize("code", [406, 420, 429, 500, 502, 524])
def test_52_passing_troubles_of_the_edge_are_waited_out(sf: SalesforceRig, code: int) -> None:
    sf.person(1)
    sf.troubles.set("status", code=code)
    sf.troubles.set("html_503", skip=2)
    connector = sf.connector()
    assert Facts().pull(connector, LEADS).column("email") == sf.live()
    assert connector.usage().retries == 2
