"""What of a model can hardly be meant, told from the model alone: each finding once, with its line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from textwrap import dedent

import pytest

from config.attributes import BUILT_IN
from config.model import checked_model
from config.model_lint import hints
from config.yaml_file import parse, read

HEAD = "model: odd\n"
STAGES = """
lifecycle:
  order: [new, warm, sold]
  transitions:
    - {to: warm, enter: {WAY: {at_least: 40}}}
"""
TWO = """
engagement:
  rules:
    - {name: Demo, activity: form_submission, points: 50, at_most: 50}
    - {name: Page, activity: page_view, points: 3, at_most: 20}
"""


def found(text: str) -> list[tuple[int | None, str]]:
    document = parse(HEAD + dedent(text).lstrip("\n"), Path("scoring.yaml"))
    return [(hint.line, hint.message) for hint in hints(checked_model(document, BUILT_IN), document)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (TWO + STAGES.replace("WAY", "engagement"), 4, "'Demo' (50 points) alone reaches stage 'warm' (from 40)."),
        (
            """
            fit:
              criteria:
                - {name: Chief, when: {job_title: {contains: chief}}, points: 45}
                - {name: Software, when: {company.industry: software}, points: 20}
                - {name: Telephone, when: {phone: {known: true}}, points: 5}
              grades: {A: 60, B: 0}
            lifecycle: {order: [new, warm], transitions: [{to: warm, enter: {fit: {at_least: 40}}}]}
            """,
            4,
            "'Chief' (45 points) alone reaches stage 'warm' (from 40).",
        ),
        (
            TWO.rstrip() + "\n    - {name: Gone, activity: unsubscribe, points: -70, decay: none}\n",
            6,
            "'Gone' takes 70 points, all other rules together give at most 70.",
        ),
        (
            """
            fit:
              criteria:
                - {name: Chief, when: {job_title: {contains: chief}}, points: 60}
                - {name: Farm, when: {company.industry: farming}, points: -60}
              grades: {A: 60, B: 0}
            """,
            5,
            "'Farm' takes 60 points, all criteria together give at most 60.",
        ),
        (
            """
            engagement:
              rules:
                - {name: Any page, activity: [page_view, download], points: 2}
                - {name: Prices, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10}
            """,
            5,
            "each event of 'Prices' also counts for 'Any page': 10 and 2 points for one deed.",
        ),
        (
            """
            engagement:
              rules:
                - {name: Prices, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10}
                - {name: Prices here, activity: page_view, when: {url: {path: "/pricing/eu*"}}, points: 5}
            """,
            5,
            "each event of 'Prices here' also counts for 'Prices': 5 and 10 points for one deed.",
        ),
        (
            """
            gates:
              - {name: Rivals, when: {email_domain: [rival.example, other.example]}, effect: disqualify}
              - {name: Rival in Rome, when: {email_domain: rival.example, country: IT}, effect: disqualify}
            """,
            4,
            "gate 'Rival in Rome' never decides: 'Rivals' stops the same people before it.",
        ),
        (
            """
            gates:
              - {name: Bounces, activity: email_bounce, at_least: 3, effect: disqualify}
              - {name: Bounces at all, activity: [email_bounce, spam_complaint], effect: do_not_score}
            """,
            3,
            "gate 'Bounces' never decides: 'Bounces at all' stops the same people before it.",
        ),
        (
            """
            gates:
              - {name: Students, when: {job_title: {contains: student}}, effect: disqualify}
            fit:
              criteria:
                - {name: Student, when: {job_title: {contains: student}}, points: -20}
                - {name: Chief, when: {job_title: {contains: chief}}, points: 75}
            """,
            6,
            "'Student' matches only people whom gate 'Students' stops.",
        ),
        (
            TWO + "  levels: {1: 50, 2: 0}\ntrend: {over: 14d, rising: 80, cooling: -10}\n",
            7,
            "nobody's engagement can rise by 80: all rules together give at most 70.",
        ),
    ],
)
def test_each_oddity_is_told_once_with_its_line(text: str, line: int, message: str) -> None:
    told = [hint for hint in found(text) if "level" not in hint[1].split("'")[0]]
    assert told == [(line, message)]


@pytest.mark.parametrize(
    "text",
    [
        TWO + STAGES.replace("WAY: {at_least: 40}", "engagement: {at_least: 40}, grade: {at_least: A}")
        + "fit: {criteria: [{name: Chief, when: {job_title: {contains: chief}}, points: 75}]}\n",
        """
        engagement:
          rules:
            - {name: Any page, activity: page_view, points: 2, group: web}
            - {name: Prices, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10, group: web}
          groups: {web: {fold: visit}}
        """,
        """
        gates:
          - {name: Rival in Rome, when: {email_domain: rival.example, country: IT}, effect: do_not_score}
          - {name: Rivals, when: {email_domain: rival.example}, effect: disqualify}
          - {name: Old bounces, activity: email_bounce, effect: disqualify}
          - {name: Young record, when: {created_at: {within: 3d}}, activity: page_view, effect: disqualify}
        """,
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert [hint for hint in found(text) if "level" not in hint[1]] == []


@pytest.mark.parametrize("preset", ["b2b-saas", "e-commerce", "account-engagement", "eloqua"])
def test_models_to_start_from_have_nothing_odd(preset: str) -> None:
    document = read(Path(str(resources.files("config") / "presets" / f"{preset}.yaml")))
    assert hints(checked_model(document, BUILT_IN), document) == []
