import re

import pytest
from cli_runner import leadgrade

CONVERTED = r"^([A-F][1-4]) +(\d+) +(\d+) +[\d.]+% *$"


@pytest.mark.slow
def test_the_demo_shows_the_whole_job_and_ends_well() -> None:
    done = leadgrade("demo")
    assert done.returncode == 0, done.stderr
    shown = done.stdout

    pulled = re.findall(r"^(hubspot|salesforce) +([\w.]+) +([\d,]+) +[\d.]+ *$", shown, flags=re.MULTILINE)
    streams = {(crm, stream): int(rows.replace(",", "")) for crm, stream, rows in pulled}
    assert streams["hubspot", "records"] > 500
    assert streams["salesforce", "records.lead"] > 200
    assert streams["hubspot", "activities.email_events"] > 1000
    assert streams["salesforce", "activities.tasks"] > 1000

    people = re.search(r"([\d,]+) people, ([\d,]+) of them in both CRMs", shown)
    assert people
    everybody, both = (int(number.replace(",", "")) for number in people.groups())
    assert everybody > both > 100

    row = r"^{} +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) *$"
    for crm in ("hubspot", "salesforce"):
        found = re.search(row.format(crm), shown, flags=re.MULTILINE)
        assert found, f"no row for {crm} under Written"
        planned, accepted, rejected, unknown, skipped, _ = (int(number.replace(",", "")) for number in found.groups())
        assert planned == accepted + rejected + unknown + skipped
        assert accepted > 0
        assert rejected > 0
        assert re.search(rf"^{crm}: {rejected} rejected: \w+: .+", shown, flags=re.MULTILINE), "no reason"

    best = shown.split("Best rated")[1].split("A second sync")[0]
    rated = re.findall(r"^([A-F][1-4]) +\w+ +(?:rising|steady|cooling) +\d+ +\d+ +\S", best, flags=re.MULTILINE)
    assert len(rated) == 10
    assert rated[0] == "A1"
    assert re.search(r"[A-Z][\w ]+ [+-]\d+ · ", best), "no reasons"

    shares = shown.split("Converted so far")[1].split("A second sync")[0]
    converted = {rating: (int(people), int(won)) for rating, people, won in re.findall(CONVERTED, shares, re.MULTILINE)}

    def share(*ratings: str) -> float:
        return sum(converted[rating][1] for rating in ratings) / sum(converted[rating][0] for rating in ratings)

    assert share("A1", "A2", "B1") > 3 * share("C3", "C4", "D3", "D4")

    assert "A second sync at once: 0 rows written in 0 write calls" in shown
    assert "leadgrade demo --keep" in shown
    assert not re.search(r"[\w.]+@[\w-]+\.\w+", shown + done.stderr)
    assert done.stderr.splitlines() == ["Making up 1,500 people and half a year of what they did …"]
