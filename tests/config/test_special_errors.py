"""Special sections that cannot be used say what is wrong, on which line, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.attributes import BUILT_IN
from config.errors import ConfigErrors
from config.model import checked_model
from config.yaml_file import parse

PAGE = Path(__file__).parents[2] / "docs" / "special.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
MODEL = "\n".join(["model: special", *BLOCKS])

# What is changed in the model of the page, into what, and words of the complaint.
MISTAKES = {
    "bounds that do not rise": ("[2, 4, 8, 12]", "[2, 8, 4, 12]", ["do not rise"]),
    "three bounds": ("[2, 4, 8, 12]", "[2, 4, 8]", ["bands"]),
    "a digit of six": ("rates: {EUR", "segments: [{name: Top, recency: 6}]\n  rates: {EUR", ["equal to 5"]),
    "digits turned round": ("rates: {EUR", "segments: [{name: Top, recency: [5, 4]}]\n  rates: {EUR", ["Swap them"]),
    "an unknown kind of purchase": ("rates: {EUR", "activities: [buy]\n  rates: {EUR", ["unknown activity type 'buy'"]),
    "no such gate": ("gate: each ", "gate: any ", ["Write each, or {sum: 60}"]),
    "a dimension of nothing": (
        'criteria: [{name: Decides, when: {job_title: {matches: "chief|head"}}, points: 25}]\n    question',
        "question",
        ["nothing speaks for authority"],
    ),
    "a weight in BANT": ('"chief|head"}}, points: 25}', '"chief|head"}}, weight: 25}', ["weights and rungs"]),
    "met too late": ("met_from: 10", "met_from: 30", ["at most 25 points"]),
    "a name twice": ("name: Decides", "name: Revenue", ["'Revenue' stands here a second time"]),
    "a group": ("points: 5, at_most: 30}", "points: 5, group: web}", ["groups are of engagement alone"]),
    "a product of nothing": (
        'when: {any: [{url: {path: "/analytics*"}}, {asset: {contains: analytics}}]}\n', "rules: []\n",
        ["nothing gives points to 'Analytics'"],
    ),
    "a product twice": ("name: Storage\n", "name: Analytics\n", ["'Analytics' stands here a second time"]),
    "duration of a product": ("{campaign: {contains: storage}}", "{duration: {above: 3}}", ["fact of an activity"]),
    "an axis that is not there": ("of: engagement ", "of: learned ", ["'fit', 'engagement'"]),
    "no such roll-up": ("roll_up: champion", "roll_up: median", ["no roll-up", "trimmed"]),
    "a role nobody can have": ("when: {department: [it]}, needed", "needed", ["nothing tells who is a 'User'"]),
    "a missing section": ("axis: rfm, bands: {High", "axis: bint, bands: {High", ["'fit', 'engagement'"]),
    "no bands": ("axis: rfm, bands: {High: 60, Low: 0}", "axis: rfm", ["Write `bands`"]),
    "too few cells": ("[Prospect, Stranger]]", "[Prospect]]", ["3 rows of 2 cells"]),
    "unknown that is known": ("unknown: New", "unknown: Low", ["'Low' is one of the bands"]),
    "no such preset": ("preset: commitment", "preset: loyalty", ["no such preset", "commitment"]),
    "won and open": ("closed: 10d ago, won", "won", ["won and not closed"]),
    "closed before it began": ("created: 100d ago", "created: 1d ago", ["closed before it was created"]),
    "an unknown segment": ("segment: New customers", "segment: New people", ["unknown segment", "New customers"]),
    "an unknown rating": ("Value: Star}\n", "Worth: Star}\n", ["unknown rating 'Worth'"]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_told_with_its_line(old: str, new: str, words: list[str]) -> None:
    assert MODEL.count(old) >= 1
    with pytest.raises(ConfigErrors) as caught:
        checked_model(parse(MODEL.replace(old, new, 1), Path("scoring.yaml")), BUILT_IN)
    told = " ".join(f"{problem.message} {problem.remedy}" for problem in caught.value.errors)
    assert all(problem.line for problem in caught.value.errors), told
    assert [word for word in words if word not in told] == [], told


def test_a_section_that_another_needs_must_be_there() -> None:
    text = "model: m\naccount: {of: rfm}\nratings: [{name: Worth, rows: {axis: bant, bands: {A: 1, B: 0}}}]\n"
    with pytest.raises(ConfigErrors) as caught:
        checked_model(parse(text, Path("scoring.yaml")), BUILT_IN)
    assert [problem.line for problem in caught.value.errors] == [2, 3]
    assert [problem.message for problem in caught.value.errors] == ["the model has no rfm.", "the model has no bant."]


def test_rfm_without_a_point_is_refused() -> None:
    text = "model: m\nrfm: {recency: {points: 0}, frequency: {points: 0}, monetary: {points: 0}}\n"
    with pytest.raises(ConfigErrors, match="none of the three digits"):
        checked_model(parse(text, Path("scoring.yaml")), BUILT_IN)


def test_an_example_expects_only_what_the_model_has() -> None:
    text = "model: m\nexamples: [{name: Ada, expect: {rfm: 555, ratings: {Worth: A}}}]\n"
    with pytest.raises(ConfigErrors) as caught:
        checked_model(parse(text, Path("scoring.yaml")), BUILT_IN)
    assert len(caught.value.errors) == 2
