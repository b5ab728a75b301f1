"""A model that cannot be used says what is wrong, on which line, and what to do."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from config.attributes import BUILT_IN
from config.errors import ConfigError
from config.model import Model, checked_model, json_schema, load_model
from config.model_checks import warnings
from config.yaml_file import parse

MODEL = """\
model: small
lists: {rivals: [rival.example], free_mail: preset}
gates:
  - {name: Rival, when: {email_domain: {in: $rivals}}, effect: disqualify}
fit:
  criteria:
    - {name: Boss, when: {job_title: {matches: "chief|head"}}, points: 40}
    - {name: Size, by: company.employee_count, bands: {50: 10, 250: 20}}
  grades: {A: 50, B: 20, F: 0}
engagement:
  decay: {half_life: 30d}
  rules:
    - {name: Pricing, activity: page_view, when: {url: {path: "/pricing*"}}, points: 10, at_most: 30 per 7d, group: web}
    - {name: Demo, activity: form_submission, when: {asset: {contains: demo}}, points: 50, count: first}
  inactivity: {30d: -5, 90d: -15}
  groups: {web: {max: 60}}
  levels: {1: 75, 2: 25, 3: 0}
trend: {over: 14d, rising: 10, cooling: -10}
lifecycle:
  order: [subscriber, lead, mql]
  transitions:
    - {to: mql, enter: {engagement: {at_least: 60}, grade: {at_least: B}}, exit: {engagement: {below: 45}},
       requires: [email]}
examples:
  - {name: Keen, person: {job_title: Head of IT}, activities: [{type: page_view, url: /pricing}], expect: {grade: B}}
"""

# What is changed in MODEL, into what, the line of the complaint, and words that it must hold.
MISTAKES = {
    "typo in a section": ("engagement:\n", "engagment:\n", 10, ["unknown key 'engagment'", "Did you mean"]),
    "typo in a key": ("points: 40", "pionts: 40", 7, ["unknown key 'pionts'", "'points'"]),
    "typo in an operator": ("{matches:", "{match:", 7, ["unknown operator 'match'", "'matches'"]),
    "unknown attribute": ("{job_title: {", "{jobtitle: {", 7, ["'jobtitle'", "'job_title'", "leadgrade.yaml"]),
    "unknown attribute in bands": ("by: company.employee_count", "by: company.employees", 8, ["'company.employees'"]),
    "unknown attribute required": ("requires: [email]", "requires: [emial]", 23, ["'emial'", "'email'"]),
    "unknown fact of an activity": ("{asset: {contains", "{page: {contains", 14, ["unknown fact of an activity"]),
    "unknown activity type": ("activity: page_view", "activity: pageview", 13, ["'pageview'", "'page_view'"]),
    "unknown field": ("examples:\n", "also_write: [confidence]\nexamples:\n", 24, ["no further field", "data_conf"]),
    "unknown effect": ("effect: disqualify", "effect: forbid", 4, ["'disqualify' or 'do_not_score'"]),
    "unknown list": ("in: $rivals", "in: $rivalz", 4, ["no list 'rivalz'", "'rivals'"]),
    "shipped list not declared": ("in: $rivals", "in: $disposable_mail", 4, ["Add `disposable_mail: preset`"]),
    "unknown shipped list": ("free_mail: preset", "fremail: preset", 2, ["'fremail'", "'free_mail'"]),
    "visits of what is done to people": (
        "trend:", "visits: {of: [page_view, email_sent]}\ntrend:", 18, ["'email_sent' is done to people"],
    ),
    "visits of something unknown": (
        "trend:", "visits: {of: [page_view, pageview]}\ntrend:", 18, ["'pageview'", "'page_view'"],
    ),
    "visits without pages": ("trend:", "visits: {of: [chat]}\ntrend:", 18, ["a visit needs pages"]),
    "visits of visits": ("trend:", "visits: {of: [page_view, visit]}\ntrend:", 18, ["itself made of other"]),
    "fact of a visit asked of a form": ("{asset: {contains: demo}}", "{pages: {above: 8}}", 14,
                                        ["'pages' is a fact of visits", "activity: visit"]),
    "chain of what visits have not": ("activity: page_view", "chain: 3, activity: [page_view, call]", 13,
                                      ["visits do not consist of 'call'", "`visits: {of: [...]}`"]),
    "more signs than there are": ("trend:", "machine: {signs: [fast, no_open], needed: 3}\ntrend:", 18,
                                  ["3 signs are needed, and there are 2"]),
    "unknown sign of a machine": ("trend:", "machine: {signs: [slow]}\ntrend:", 18, ["'fast', 'many_links'"]),
    "gate on visits": ("when: {email_domain: {in: $rivals}}", "activity: visit", 4, ["'visit' is made of other"]),
    "no pause at all": ("trend:", "visits: {gap: 0s}\ntrend:", 18, ["greater than or equal to 1"]),
    "text where a list belongs": ("in: $rivals", "in: rivals", 4, ["needs a list", "[rivals]"]),
    "bad regular expression": ('"chief|head"', '"(chief|head"', 7, ["regular expression", "missing )", "RE2"]),
    "look-ahead, which RE2 has not": ('"chief|head"', '"(?=chief)"', 7, ["regular expression", "RE2"]),
    "operator of another type": ('{matches: "chief|head"}', "{at_least: 5}", 7, ["`at_least` does not apply", "text"]),
    "number for text": ('{matches: "chief|head"}', "5", 7, ["never equals 5", "quotes"]),
    "bands over text": ("by: company.employee_count", "by: job_title", 8, ["bands need a number", "text"]),
    "empty condition": ('{job_title: {matches: "chief|head"}}', "{}", 7, ["condition is empty"]),
    "empty test": ('{matches: "chief|head"}', "{}", 7, ["no test here"]),
    "null value": ('{matches: "chief|head"}', "{is: null}", 7, ["'is' has no value", "unknown: true"]),
    "criterion without points": (", points: 40}", "}", 7, ["`when` and `points`"]),
    "zero points": ("points: 50", "points: 0", 14, ["gives 0 points"]),
    "seven decimals": ("points: 50", "points: 0.1234567", 14, ["six decimals"]),
    "same points either way": ("points: 40", "points: 40, otherwise: 40", 7, ["same points"]),
    "name used twice": ("name: Demo", "name: Pricing", 14, ["'Pricing' stands here a second time"]),
    "hours of age": ("half_life: 30d", "half_life: 12h", 11, ["whole number of days"]),
    "no duration": ("half_life: 30d", "half_life: 30", 11, ["no duration", "30d"]),
    "two decays": ("{half_life: 30d}", "{half_life: 30d, linear: 9d}", 11, ["no decay"]),
    "decay that rises": ("{half_life: 30d}", "{steps: {1d: 0.5, 2d: 0.9}}", 11, ["rise with age"]),
    "no cap": ("30 per 7d", "lots", 13, ["no cap", "30 per 7d"]),
    "no count": ("count: first", "count: last", 14, ["no way to count"]),
    "window cap beside first": ("count: first", "count: first, at_most: 9 per 7d", 14, ["`count: every`"]),
    "steps beside first": ("points: 50", "points: [50, 20]", 14, ["several points", "`count: every`"]),
    "range that runs backward": ("count: first", "count: {between: [4, 2]}", 14, ["ends before it begins"]),
    "rate beside a count": ("count: first", "count: first, rate: {at_least: 50%, over: 90d}", 14,
                            ["`count` has no meaning beside `rate`"]),
    "rate of forms by page": ("{asset: {contains: demo}}, points: 50, count: first",
                              "{url: {path: /a}}, points: 50, rate: {at_least: 50%, over: 90d}", 14,
                              ["not every e-mail has 'url'", "`asset` or `campaign`"]),
    "rate of what is derived": ("activity: form_submission, when: {asset: {contains: demo}}, points: 50, count: first",
                                "activity: email_reopen, points: 50, rate: {at_least: 50%, over: 90d}", 14,
                                ["'email_reopen' is no e-mail of its own"]),
    "rate either way": ("count: first", "rate: {at_least: 50%, below: 60%, over: 90d}", 14, ["at_least or below"]),
    "rate without percent": ("count: first", "rate: {at_least: 0.5, over: 90d}", 14, ["no percentage"]),
    "no window": ("30 per 7d", "30 per session", 13, ["no duration"]),
    "windows across each other": ("30 per 7d", "[9 per 2d, 30 per 7d]", 13, ["2d does not lie within 7d"]),
    "campaigns within days": ("30 per 7d", "[9 per campaign, 30 per 7d]", 13, ["campaign does not lie within 7d"]),
    "two caps alike": ("30 per 7d", "[9, 30]", 13, ["two caps for one window"]),
    "cap wider than the group's": ("{max: 60}", "{max: 20 per day}", 13, ["group 'web'", "per 1d or narrower"]),
    "unknown group": ("group: web", "group: wep", 13, ["no group 'wep'", "'web'"]),
    "group without rules": (", group: web", "", 16, ["no rule belongs to group 'web'"]),
    "a group too many": ("groups: {web: {max: 60}}", "groups: {web: {max: 60}, a: {max: 5}}", 16, ["no rule belongs"]),
    "group without limits": ("{max: 60}", "{}", 16, ["limits nothing"]),
    "inactivity that pays": ("90d: -15", "90d: 15", 15, ["less than 0, or all"]),
    "silence in words": ("90d: -15", "90d: lots", 15, ["less than 0, or all"]),
    "everything first": ("30d: -5", "30d: all", 15, ["costs less"]),
    "decay without its rhythm": ("{half_life: 30d}", "{lose: 10%}", 11, ["go together"]),
    "decay by points": ("{half_life: 30d}", "{lose: 10, every: 30d}", 11, ["no percentage", "10%"]),
    "floor under nothing": ("inactivity: {30d: -5, 90d: -15}", "inactivity_floor: 3", 15, ["no `inactivity`"]),
    "limits that cross": ("  groups:", "  min: 50\n  max: 50\n  groups:", 16, ["not below `max`"]),
    "longer silence costs less": ("90d: -15", "90d: -1", 15, ["costs less"]),
    "threshold above 100": ("A: 50", "A: 150", 9, ["100"]),
    "grades that rise": ("A: 50, B: 20", "A: 20, B: 50", 9, ["do not go down"]),
    "nobody's grade": ("F: 0", "F: 5", 9, ["does not start at 0"]),
    "reserved grade": ("A: 50", '"?": 50', 9, ["stands for unknown"]),
    "stage out of reach": ("at_least: 60}, grade", "at_least: 101}, grade", 22, ["nobody has 101"]),
    "stage above all rules": ("points: 10, at_most: 30 per 7d", "points: 1, count: first", 22, ["at most 51"]),
    "grade above all criteria": ("A: 50, B: 20", "A: 90, B: 80", 22, ["grade B is out of reach", "at most 60"]),
    "leaves on entering": ("below: 45", "below: 61", 22, ["leave this stage on entering"]),
    "unknown stage": ("to: mql", "to: mlq", 22, ["unknown stage 'mlq'", "'mql'"]),
    "first stage entered": ("to: mql", "to: subscriber", 22, ["everybody begins"]),
    "entered never": ("requires: [email]", "max_entries: 0", 23, ["greater than or equal to 1"]),
    "entries of an unknown stage": ("expect: {grade: B}", "entries: {mlq: 1}, expect: {grade: B}", 25, ["'mql'"]),
    "unknown grade entered": ("{at_least: B}", "{at_least: E}", 22, ["unknown grade 'E'"]),
    "enter downward": ("{at_least: 60}, grade", "{below: 60}, grade", 22, ["unknown key 'below'"]),
    "unknown type in an example": ("{type: page_view, url", "{type: pageview, url", 25, ["'pageview'"]),
    "unknown grade in an example": ("expect: {grade: B}", "expect: {grade: E}", 25, ["unknown grade 'E'"]),
    "unknown attribute in an example": ("person: {job_title", "person: {titel", 25, ["'titel'"]),
    "endless number": ('{matches: "chief|head"}', ".inf", 7, ["too large"]),
    "number of 400 digits": ('{matches: "chief|head"}', "9" * 400, 7, ["too large"]),
    "date as a test": ('{matches: "chief|head"}', "2026-01-31", 7, ["a date is no test", "before, after"]),
    "number in quotes": ("points: 40", 'points: "40"', 7, ["valid number"]),
    "true for a number": ("points: 40", "points: true", 7, ["valid number"]),
    "duration for a number": ("by: company.employee_count, bands: {50: 10, 250: 20}",
                              "when: {company.employee_count: {at_least: 2min}}, points: 5", 8, ["is no duration"]),
    "points beyond counting": ("points: 40", "points: 10001", 7, ["more than 10,000 points"]),
    "window beyond the calendar": ("half_life: 30d", "half_life: 99999999d", 11, ["hundred years", "36500d"]),
    "count beyond counting": ("count: first", "count: {at_least: 9999999999}", 14, ["1000000"]),
    "stage that a CRM would trim": ("lead, mql]", '"lead ", mql]', 20, ["ends with a space"]),
    "name of many emoji": ("name: Demo", "name: " + "\U0001f680" * 31, 14, ["than 60 characters", "emoji takes two"]),
    "stage of many emoji": ("lead, mql]", "lead, mql, " + "\U0001f680" * 31 + "]", 20, ["more than 60 characters"]),
    "grade of many emoji": ("A: 50", "\U0001f680" * 5 + ": 50", 9, ["more than 9 characters"]),
    "name of two lines": ("name: Demo", 'name: "Demo\\nform"', 14, ["line break"]),
    "exit that asks nothing": ("{engagement: {below: 45}}", "{}", 22, ["nothing is asked to leave"]),
    "exit that everybody takes": ("{engagement: {below: 45}}", "{fit: {at_most: 100}}", 22, ["nobody could stay"]),
    "fact of another type": ("person: {job_title: Head of IT}", "person: {unsubscribed: maybe}", 25,
                             ["'unsubscribed' is a boolean", "true or false"]),
    "company fact of another type": ("activities: [{", "company: {employee_count: many}, activities: [{", 25,
                                     ["'company.employee_count' is a number"]),
    "fact that is no date": ("person: {job_title: Head of IT}", "person: {created_at: soon}", 25,
                             ["'created_at' is a date", "40d ago"]),
    "deed before all days": ("url: /pricing}]", "days_ago: 99999999}]", 25, ["36500"]),
    "a key twice": ("trend: {", "trend: {over: 1d, rising: 1, cooling: -1}\ntrend: {", 19, ["second time"]),
}  # fmt: skip


def load(text: str) -> Model:
    return checked_model(parse(text, Path("scoring.yaml")), BUILT_IN)


def test_the_model_of_this_page_is_good() -> None:
    assert load(MODEL).version.startswith("small@")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_names_its_line_and_what_to_do(mistake: str) -> None:
    before, after, line, words = MISTAKES[mistake]
    assert before in MODEL
    with pytest.raises(ConfigError) as caught:
        load(MODEL.replace(before, after, 1))
    said = "\n".join(caught.value.problems)
    assert f"scoring.yaml:{line}: " in said
    for word in words:
        assert word in said


def test_what_cannot_be_limited_or_folded_by_window_is_refused() -> None:
    once = MODEL.replace("count: first", "count: first, group: web").replace("{max: 60}", "{max: 200 per 7d}")
    with pytest.raises(ConfigError, match=r"yaml:14: group 'web' has a cap per 7d, which needs points for each event"):
        load(once)
    penalty = MODEL.replace("points: 10", "points: -10").replace("{max: 60}", "{fold: visit}")
    with pytest.raises(ConfigError, match=r"yaml:13: group 'web' folds events, .* it takes no penalties"):
        load(penalty)


def test_ratings_that_read_alike_are_refused() -> None:
    text = MODEL.replace("A: 50, B: 20", "A: 50, A1: 20").replace("levels: {1: 75, 2: 25", "levels: {1: 75, 11: 25")
    with pytest.raises(ConfigError, match=r"scoring\.yaml:17: two ratings would both read 'A11'"):
        load(text.replace("grade: {at_least: B}", "grade: {at_least: A1}").replace("{grade: B}", "{grade: A1}"))


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = MODEL.replace("{job_title: {m", "{jobtitle: {m").replace("to: mql", "to: mlq").replace("$rivals", "$rivalz")
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["4", "7", "22"]


def test_unreachable_grades_and_levels_are_warnings() -> None:
    document = parse(MODEL.replace("A: 50", "A: 61"), Path("m.yaml"))
    found = [str(problem) for problem in warnings(checked_model(document, BUILT_IN), document)]
    assert found == [
        "m.yaml:9: grade A starts at 61, but all criteria together give at most 60. Lower it, or add points."
    ]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("exit: {engagement: {below: 45}},\n", "dwell: 7d,\n", 22, "no rule leads on from 'mql'"),
        ("exit: {engagement: {below: 45}},\n", "max_entries: 2,\n", 22, "'mql' is never left downward"),
        (MODEL[MODEL.index("  transitions:") : MODEL.index("examples:")], "  hold: 30d\n", 21, "no rule moves anybody"),
    ],
)
def test_what_never_matters_in_a_lifecycle_is_a_warning(before: str, after: str, line: int, words: str) -> None:
    document = parse(MODEL.replace(before, after), Path("scoring.yaml"))
    model = checked_model(document, BUILT_IN)
    assert [(found.line, words in str(found)) for found in warnings(model, document)] == [(line, True)]
    document = parse(MODEL.replace("requires: [email]", "dwell: 7d, max_entries: 2"), Path("scoring.yaml"))
    assert warnings(checked_model(document, BUILT_IN), document) == []


def test_the_version_follows_what_moves_a_score_and_nothing_else() -> None:
    version = load(MODEL).version
    assert load(MODEL.replace("# ", "#  ")).version == version
    assert load(MODEL.replace("name: Keen", "name: Very keen")).version == version
    assert load(MODEL.replace("points: 50", "points: 51")).version != version
    assert load(MODEL.replace("[rival.example]", "[rival.example, other.example]")).version != version


def test_a_mapped_attribute_is_known() -> None:
    text = MODEL.replace("{job_title: {matches", "{favourite_colour: {matches")
    checked_model(parse(text, Path("scoring.yaml")), BUILT_IN | {"favourite_colour": "text"})


def test_the_schema_describes_every_section_and_takes_shorthands() -> None:
    schema = json_schema()
    assert {"model", "lists", "gates", "fit", "engagement", "lifecycle", "examples"} <= set(schema["properties"])
    rule = schema["$defs"]["ActivityRule"]["properties"]
    assert all("description" in rule[key] for key in ("activity", "points", "at_most", "within", "unless"))
    for name in ("Cap", "Decay", "Count", "Tests", "ExpectedNumber"):
        assert len(schema["$defs"][name]["anyOf"]) >= 2, f"{name} is also written in short"


def test_the_starter_model_is_good() -> None:
    path = Path(str(resources.files("config") / "presets" / "b2b-saas.yaml"))
    assert load_model(path, BUILT_IN).version.startswith("b2b-saas@")
    document = parse(path.read_text(encoding="utf-8"), path)
    assert warnings(checked_model(document, BUILT_IN), document) == []
