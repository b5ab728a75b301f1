"""The record pages as HTML: order and paging of the list, the card, escaping, records that are gone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox.pages.views import Reason, Score, split_scores

if TYPE_CHECKING:
    from collections.abc import Callable

RATING = "leadgrade_rating"


def page(url: str) -> str:
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def names_in(html: str) -> list[str]:
    return re.findall(r"<bdi>(.*?)</bdi></a>", html)


@pytest.fixture
def box(sandbox: Callable[..., Any]) -> Any:
    box = sandbox()
    for name in ("rating", "engagement_score", "fit_score", "fit_grade", "trend", "reasons", "stage"):
        box.portal.define("contacts", f"leadgrade_{name}")
    return box


def add(box: Any, name: str, **fields: Any) -> str:
    scores = {f"leadgrade_{field}": value for field, value in fields.items()}
    return box.portal.create("contacts", {"firstname": name} | scores, created=box.shared.clock.now())


def test_the_list_shows_the_best_first_and_the_unrated_last(box: Any) -> None:
    ratings = ["", "B1", "F4", "A2", "disqualified", "A1", "?1", "A+1", "A-1"]
    for rating in ratings:
        add(box, rating or "unrated", rating=rating)
    html = page(f"{box.hubspot_url}/_sandbox/records")
    assert names_in(html) == ["A+1", "A1", "A-1", "A2", "B1", "?1", "F4", "disqualified", "unrated"]
    assert "9 records, 8 rated" in html


def test_equal_ratings_are_in_order_of_engagement_then_name(box: Any) -> None:
    for name, engagement in (("Bo", 70), ("Al", 70), ("Cy", 90)):
        add(box, name, rating="B2", engagement_score=engagement)
    assert names_in(page(f"{box.hubspot_url}/_sandbox/records")) == ["Cy", "Al", "Bo"]


def test_long_lists_have_pages_and_can_be_searched(box: Any) -> None:
    for number in range(60):
        add(box, f"P{number:02}")
    records = f"{box.hubspot_url}/_sandbox/records"
    seen = [name for number in (1, 2, 3) for name in names_in(page(f"{records}?page={number}"))]
    assert seen == [f"P{number:02}" for number in range(60)]
    assert "Page 1 of 3" in page(f"{records}?page=0")
    assert "Page 3 of 3" in page(f"{records}?page=99")
    assert "Page 1 of 3" in page(f"{records}?page=two")
    assert names_in(page(f"{records}?q=p07")) == ["P07"]
    assert "Nobody here called “zzz”" in page(f"{records}?q=zzz")


def test_a_record_shows_its_scores_and_properties(box: Any) -> None:
    record_id = add(
        box, "Ada", rating="B1", fit_score=0, fit_grade="B", trend="rising", reasons="Demo form +50 · Student -25"
    )
    box.portal.update("contacts", record_id, {"jobtitle": "CTO", "email": "ada@x.example"})
    html = page(f"{box.hubspot_url}/_sandbox/records/contacts/{record_id}")
    for text in ("Ada", "CTO", "ada@x.example", "Lead scoring", 'aria-label="Rating B1"', "rising", "grade B"):
        assert text in html
    assert re.findall(r"<li><span>(.*?)</span>\s*<strong class=\"(\w+)\">(.*?)</strong>", html) == [
        ("Demo form", "gain", "+50"),
        ("Student", "loss", "-25"),
    ]
    assert "<strong>0</strong>" in html  # a score of nought is not an empty field
    assert "leadgrade_" not in html


def test_a_record_without_scores_says_so(box: Any) -> None:
    assert "Not scored yet" in page(f"{box.hubspot_url}/_sandbox/records/contacts/{add(box, 'Ada')}")


def test_what_people_typed_is_shown_and_never_run(box: Any) -> None:
    record_id = add(box, "<script>alert(1)</script>", reasons="<b>bold</b> +5")
    for url in ("/_sandbox/records", f"/_sandbox/records/contacts/{record_id}", "/_sandbox/records?q=<script>"):
        html = page(box.hubspot_url + url)
        assert "<script>" not in html
        assert "<b>bold" not in html


def test_nothing_is_loaded_from_elsewhere(box: Any) -> None:
    html = page(f"{box.hubspot_url}/_sandbox/records/contacts/{add(box, 'Ada')}")
    assert not re.search(r"""(src|href)=["'](https?:)?//""", html)


def test_leads_and_contacts_of_salesforce_are_in_one_list(box: Any) -> None:
    created = box.shared.clock.now()
    for sobject in ("Lead", "Contact"):
        box.org.define(sobject, "Leadgrade_Rating__c")
    account = box.org.insert("Account", {"Name": "Amber Works"}, created=created)
    lead = {"LastName": "Low", "Company": "Solo", "Leadgrade_Rating__c": "C3"}
    lead_id = box.org.insert("Lead", lead, created=created)
    contact = {"LastName": "High", "AccountId": account, "Leadgrade_Rating__c": "A1"}
    contact_id = box.org.insert("Contact", contact, created=created)
    html = page(f"{box.salesforce_url}/_sandbox/records")
    assert names_in(html) == ["High", "Low"]
    assert f"/_sandbox/records/Contact/{contact_id}" in html
    assert "Amber Works" in page(f"{box.salesforce_url}/_sandbox/records/Contact/{contact_id}")
    assert 'aria-label="Rating C3"' in page(f"{box.salesforce_url}/_sandbox/records/Lead/{lead_id}")


def test_records_that_are_gone_leave_the_list_and_say_so_on_their_page(box: Any) -> None:
    created = box.shared.clock.now()
    archived = add(box, "Archie")
    box.portal.archive("contacts", archived)
    deleted, converted = (box.org.insert("Lead", {"LastName": "L", "Company": "C"}, created=created) for _ in range(2))
    box.org.delete("Lead", deleted)
    box.org.convert(converted)
    assert names_in(page(f"{box.hubspot_url}/_sandbox/records")) == []
    assert len(names_in(page(f"{box.salesforce_url}/_sandbox/records"))) == 1  # the contact of the conversion
    assert "is archived" in page(f"{box.hubspot_url}/_sandbox/records/contacts/{archived}")
    assert "is deleted" in page(f"{box.salesforce_url}/_sandbox/records/Lead/{deleted}")
    assert "is converted" in page(f"{box.salesforce_url}/_sandbox/records/Lead/{converted}")


@pytest.mark.parametrize("path", ["contacts/0", "companies/501", "Lead/00Q000000000000AAA"])
def test_an_unknown_record_is_not_found(box: Any, path: str) -> None:
    for url in (box.hubspot_url, box.salesforce_url):
        answer = requests.get(f"{url}/_sandbox/records/{path}", timeout=10)
        assert answer.status_code == 404
        assert "No such record" in answer.text


def test_a_merged_contact_is_shown_as_its_survivor(box: Any) -> None:
    one, two = add(box, "One"), add(box, "Two")
    box.portal.merge(one, two)
    assert "One" in page(f"{box.hubspot_url}/_sandbox/records/contacts/{two}")


def test_synced_fields_are_told_from_others_in_both_spellings() -> None:
    score, others = split_scores({"Leadgrade_Fit_Score__c": "7", "leadgrade_trend": "cooling", "Title": "CTO"})
    assert (score.fields["fit_score"], score.trend_arrow) == ("7", "↘")
    assert others == {"Title": "CTO"}


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("", []),
        ("Demo form +50", [Reason("Demo form", "+50")]),
        ("Seen 2 + 2 pages · C++ -5", [Reason("Seen 2 + 2 pages", ""), Reason("C++", "-5")]),
    ],
)
def test_reasons_are_read_apart(text: str, reasons: list[Reason]) -> None:
    assert Score({"reasons": text}).reasons == reasons
