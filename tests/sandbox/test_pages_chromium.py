"""A person looks at the record pages in a real browser after scores were written over the CRMs' own APIs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="chromium and chromedriver are not installed (Debian: apt install both)"
)

SCORE = {
    "rating": "A1", "fit_grade": "A", "fit_score": "82", "engagement_score": "77", "trend": "rising",
    "reasons": "Demo form +50 · Decision maker +25 · Unsubscribed -50", "next_fact": "Company size",
    "valid_until": "2026-08-01", "stage": "marketingqualifiedlead", "model_version": "b2b-saas@1a2b3c4d",
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def box(sandbox: Callable[..., Any]) -> Any:
    return sandbox(people=80)


def texts(browser: Any, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements("css selector", selector)]


def ratings(browser: Any) -> list[str]:
    """What a screen reader says of the first rows."""
    return [badge.accessible_name for badge in browser.find_elements("css selector", "tbody .badge")[:4]]


def write_to_hubspot(box: Any, scores: dict[str, dict[str, str]]) -> None:
    with requests.Session() as http:
        http.headers["Authorization"] = "Bearer pat-sandbox-leadgrade"
        properties = f"{box.hubspot_url}/crm/v3/properties/contacts"
        http.post(f"{properties}/groups", json={"name": "leadgrade", "label": "Lead scoring"}, timeout=10)
        inputs = [
            {
                "name": f"leadgrade_{name}",
                "label": name,
                "groupName": "leadgrade",
                "type": "string",
                "fieldType": "text",
            }
            for name in SCORE
        ]
        assert http.post(f"{properties}/batch/create", json={"inputs": inputs}, timeout=10).status_code == 201
        rows = [
            {"id": record_id, "properties": {f"leadgrade_{name}": value for name, value in score.items()}}
            for record_id, score in scores.items()
        ]
        url = f"{box.hubspot_url}/crm/v3/objects/contacts/batch/update"
        assert http.post(url, json={"inputs": rows}, timeout=10).status_code == 200


def write_to_salesforce(box: Any, scores: dict[str, dict[str, str]]) -> None:
    fields = {name: f"Leadgrade_{name.title()}__c" for name in SCORE}
    for name in fields.values():
        box.org.define("Lead", name)
    with requests.Session() as http:
        login = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        token = http.post(f"{box.salesforce_url}/services/oauth2/token", data=login, timeout=10).json()["access_token"]
        records = [
            {"attributes": {"type": "Lead"}, "id": record_id} | {fields[name]: value for name, value in score.items()}
            for record_id, score in scores.items()
        ]
        answer = http.patch(
            f"{box.salesforce_url}/services/data/v67.0/composite/sobjects",
            json={"allOrNone": False, "records": records},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        assert all(row["success"] for row in answer.json())


def assert_score_is_seen(browser: Any) -> None:
    assert texts(browser, ".score .badge") == ["A1"]
    badge = browser.find_element("css selector", ".score .badge")
    assert badge.accessible_name == "Rating A1"
    assert texts(browser, ".reasons li span") == ["Demo form", "Decision maker", "Unsubscribed"]
    assert texts(browser, ".reasons li strong") == ["+50", "+25", "-50"]
    card = browser.find_element("css selector", ".score")
    assert card.accessible_name == "Lead scoring"
    for text in ("rising", "marketingqualifiedlead", "82", "77", "Company size", "2026-08-01", "b2b-saas@1a2b3c4d"):
        assert text in card.text


def test_a_score_written_to_hubspot_is_seen_in_list_and_record(box: Any, browser: Any) -> None:
    live = [record.id for record in box.portal.objects["contacts"].values() if not record.archived]
    worse, best, middle = live[0], live[1], live[2]
    write_to_hubspot(box, {worse: SCORE | {"rating": "D4"}, best: SCORE, middle: SCORE | {"rating": "B2"}})

    browser.get(f"{box.hubspot_url}/_sandbox/records")
    links = [link.get_attribute("href").rsplit("/", 1)[1] for link in browser.find_elements("css selector", "tbody a")]
    assert links[:3] == [best, middle, worse]
    assert ratings(browser)[:4] == ["Rating A1", "Rating B2", "Rating D4", "Not rated"]

    browser.find_element("css selector", "tbody a").click()
    assert_score_is_seen(browser)
    assert box.portal.objects["contacts"][best].properties["email"] in browser.find_element("tag name", "main").text


def test_a_score_written_to_salesforce_is_seen_in_list_and_record(box: Any, browser: Any) -> None:
    live = [row["Id"] for row in box.org.tables["Lead"].values() if not row["IsDeleted"] and not row.get("IsConverted")]
    write_to_salesforce(box, {live[0]: SCORE | {"rating": "C1"}, live[1]: SCORE})

    browser.get(f"{box.salesforce_url}/_sandbox/records")
    assert ratings(browser)[:3] == ["Rating A1", "Rating C1", "Not rated"]
    browser.find_element("css selector", "tbody a").click()
    assert browser.current_url.endswith(f"/Lead/{live[1]}")
    assert_score_is_seen(browser)


def test_the_pages_fit_a_narrow_screen(box: Any, browser: Any) -> None:
    record_id = next(r.id for r in box.portal.objects["contacts"].values() if not r.archived)
    write_to_hubspot(box, {record_id: SCORE})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        for path in ("records", f"records/contacts/{record_id}"):
            browser.get(f"{box.hubspot_url}/_sandbox/{path}")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        assert browser.find_element("css selector", ".score").location["y"] < 300  # the card comes first
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
