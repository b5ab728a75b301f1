"""What a model makes of the people there are: rules that never count, attributes nobody fills, idle thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sync_rig import NOW, SETTINGS, activity, batch, record, store

from config.settings import StoreSettings
from connectors.clock import FakeClock
from insights.lint import FEWEST, lint
from scoring.facts import Table
from sync.stores import open_journal, open_mirror

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings

MODEL = """\
model: odd
lists: {rivals: [rival.example], titles: [clerk]}
gates:
  - {name: Rival, when: {email_domain: {in: $rivals}}, effect: disqualify}
fit:
  criteria:
    - {name: Clerk, when: {job_title: {contains: $titles}}, points: 30}
    - {name: Many seats, by: seats, bands: {1000: 40}}
    - {name: Software, when: {company.industry: software}, points: 9}
    - {name: Everybody's country, when: {country: PL}, points: 20}
  grades: {A: 60, B: 20, C: 0}
engagement:
  rules:
    - {name: Page, activity: page_view, points: 10, at_most: 10}
    - {name: Seen twice, activity: page_view, count: {at_least: 1}, points: 5}
    - {name: Form, activity: form_submission, points: 40, at_most: 40}
    - {name: Webinar, activity: webinar_attended, points: 60, at_most: 60}
  levels: {1: 70, 2: 10, 3: 0}
lifecycle:
  order: [new, warm, hot]
  transitions:
    - {to: warm, enter: {engagement: {at_least: 15}}}
    - {to: hot, enter: {engagement: {at_least: 90}}}
"""
PEOPLE = 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "scoring.yaml").write_text(MODEL)
    made = SETTINGS.model_copy(
        update={"store": StoreSettings(path=tmp_path / "state"), "scoring": tmp_path / "scoring.yaml"}
    )
    open_journal(made).close()
    return made


def fill(settings: Settings, people: int) -> None:
    """Everybody is a clerk from Poland who looked at pages; every other sent a form; of three the industry is known."""
    records, events = [], []
    for number in range(people):
        industry = {"company.industry": "software"} if number < 3 else {}
        known = {"job_title": "Clerk", "country": "PL", "seats": "5"} | industry
        records.append(record("hubspot", str(number), email=f"p{number}@buyer.example", attr=known))
        events.append(activity("hubspot", f"a{number}", str(number)))
        if number % 2:
            events.append(activity("hubspot", f"f{number}", str(number), type="form_submission"))
    with open_mirror(settings, FakeClock(NOW)).open() as connection:
        store(connection, batch(Table.RECORDS, records))
        store(connection, batch(Table.ACTIVITIES, events), stream="activities.web")


def test_every_oddity_has_its_line_and_its_numbers(settings: Settings) -> None:
    fill(settings, PEOPLE)
    found = [
        (line.level, line.subject, line.message) for line in lint(settings, FakeClock(NOW)) if line.where == "model"
    ]
    told = {(subject.partition(":")[2], message) for _, subject, message in found}
    assert told == {
        ("4", "no person matches this list."),
        ("7", "'Clerk' matches 60 of 60 people (100 %): it tells nobody apart."),
        ("8", "'Many seats' matches none of 60 people with a value."),
        ("9", "'company.industry' is filled for 3 of 60 people (5 %)."),
        ("10", '"Everybody\'s country" matches 60 of 60 people (100 %): it tells nobody apart.'),
        ("11", "nobody of 60 has grade A."),
        ("11", "everybody of 60 has grade B."),
        ("14", "'Page' counts for 60 of 60 people (100 %): it tells nobody apart."),
        ("15", "'Seen twice' counts for 60 of 60 people (100 %): it tells nobody apart."),
        ("15", "'Seen twice' counts for the people of 'Page': both for 60 of 60."),
        ("17", "'Webinar' counts for none of 60 people."),
        ("18", "nobody of 60 has level 1."),
        ("18", "everybody of 60 has level 2."),
        ("22", "everybody of 60 is at stage 'warm'."),
        ("23", "nobody of 60 is at stage 'hot'."),
    }
    assert {level for level, *_ in found} == {"warn"}
    assert [int(subject.partition(":")[2]) for _, subject, _ in found] == sorted(
        int(subject.partition(":")[2]) for _, subject, _ in found
    )


def test_few_people_say_nothing(settings: Settings) -> None:
    fill(settings, FEWEST - 1)
    assert lint(settings, FakeClock(NOW)) == []


def test_without_a_mirror_the_model_speaks_for_itself(settings: Settings) -> None:
    penalty = "    - {name: Gone, activity: unsubscribe, points: -500}\n  levels"
    settings.scoring.write_text(MODEL.replace("  levels", penalty, 1))
    (line,) = lint(settings, FakeClock(NOW))
    assert line.subject == "scoring.yaml:18"
    assert line.message.startswith("'Gone' takes 500 points")
    assert not (settings.store.path / "mirror.duckdb").exists()


def test_a_model_that_cannot_be_used_is_for_others_to_tell(settings: Settings) -> None:
    settings.scoring.write_text("model: [")
    assert lint(settings, FakeClock(NOW)) == []
