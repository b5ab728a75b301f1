"""What a person did over the months, and whether it ended in a purchase."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sandbox.population.companies import OWN_DOMAIN

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sandbox.population.people import Person

SITE: Final = f"https://www.{OWN_DOMAIN}"

BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)
SCANNER: Final = "Mozilla/5.0 (compatible; MailGatewayLinkScanner/3.1)"
IMAGE_PROXY: Final = "Mozilla/5.0 (via MailImageProxy)"

LINKS: Final = (f"{SITE}/pricing", f"{SITE}/blog/lead-quality", f"{SITE}/product/tour", f"{SITE}/preferences")
"""The links in every marketing e-mail; a scanner opens all of them."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form on the web site: what filling it tells about the wish to buy, and from which intent on it is filled."""

    guid: str
    name: str
    path: str
    strength: float
    from_intent: float


FORMS: Final = (
    Form("0f3c1a52-5d1e-4b57-9a3e-000000000001", "Demo request", "/demo", 3.0, 0.55),
    Form("0f3c1a52-5d1e-4b57-9a3e-000000000002", "Contact sales", "/contact", 2.4, 0.5),
    Form("0f3c1a52-5d1e-4b57-9a3e-000000000003", "Webinar registration", "/webinars/lead-quality", 0.9, 0.25),
    Form(
        "0f3c1a52-5d1e-4b57-9a3e-000000000004", "E-book download: Scoring guide", "/resources/scoring-guide", 0.7, 0.1
    ),
    Form("0f3c1a52-5d1e-4b57-9a3e-000000000005", "Newsletter", "/newsletter", 0.3, 0.0),
)


@dataclass(frozen=True, slots=True)
class Mailing:
    """A marketing e-mail to many."""

    number: int
    name: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event of a marketing e-mail with one recipient; `type` is HubSpot's word."""

    type: str
    at: datetime
    mailing: Mailing
    sent: datetime
    url: str | None = None
    user_agent: str | None = None
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Touch:
    """A piece of sales work with one person: call, meeting, note, task, mail_out, mail_in or webinar."""

    kind: str
    at: datetime
    went_well: bool  # connected, held, done, opened, attended
    minutes: int


@dataclass(slots=True)
class Story:
    """Everything one person did or met. `strength` sums up what tells of a wish to buy; no CRM holds it."""

    mail: list[MailEvent] = field(default_factory=list)
    forms: list[tuple[datetime, Form]] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    page_views: int = 0
    visits: int = 0
    first_visit: datetime | None = None
    last_visit: datetime | None = None
    unsubscribed: bool = False
    strength: float = 0.0
    bought_at: datetime | None = None

    def last_activity(self) -> datetime | None:
        """When the person was last heard of."""
        moments = (
            [event.at for event in self.mail] + [at for at, _ in self.forms] + [touch.at for touch in self.touches]
        )
        return max(moments, default=self.last_visit)


def mailings(now: datetime, days: int) -> list[Mailing]:
    """One marketing e-mail a week, on Tuesdays' mornings or whatever day `now` is minus two."""
    names = ("Product news", "Customer story", "Scoring guide", "Webinar invitation", "Price change")
    start = now.replace(hour=8, minute=30, second=0, microsecond=0) - timedelta(days=2)
    return [
        Mailing(100_000 + week, f"{names[week % len(names)]} {week + 1}", start - timedelta(weeks=week))
        for week in range(max(days // 7, 1))
    ]


def live(
    rng: random.Random, person: Person, sent: Sequence[Mailing], now: datetime, days: int, activities: float
) -> Story:
    """The story of `person` over the `days` before `now`, of `activities` rows on average over all people."""
    story = Story()
    rows = activities * (0.45 + 1.6 * person.intent)
    for_mail = rows * 0.55 if person.in_hubspot else 0.0
    moments = _Moments(rng, max(person.created, now - timedelta(days=days)), now, person.momentum)
    if person.in_hubspot:
        _read_mail(rng, story, person, sent, moments, for_mail)
        _visit(rng, story, person, moments)
        _fill_forms(rng, story, person, moments, rows)
    _meet_sales(rng, story, person, moments, rows - len(story.mail) - len(story.forms))
    _decide(rng, story, person, now)
    return story


@dataclass(frozen=True, slots=True)
class _Moments:
    """Random times in a person's period, more of them at its end when interest grows."""

    rng: random.Random
    start: datetime
    end: datetime
    momentum: float

    def draw(self, *, office_hours: bool = False) -> datetime:
        distance: float = self.rng.random() ** self.momentum
        at = self.end - (self.end - self.start) * distance
        if office_hours:
            at = min(at.replace(hour=8 + self.rng.randrange(10)), self.end)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _read_mail(
    rng: random.Random, story: Story, person: Person, sent: Sequence[Mailing], moments: _Moments, rows: float
) -> None:
    """The events of as many mailings as make about `rows`, until a bounce or an unsubscription ends them."""
    rows_each = 2 + _open_rate(person) * (1.3 + _click_rate(person))
    reachable = [mailing for mailing in sent if mailing.sent >= moments.start]
    chosen = rng.sample(reachable, min(len(reachable), _round(rng, rows / rows_each)))
    for mailing in sorted(chosen, key=lambda mailing: mailing.sent):
        at = mailing.sent + timedelta(seconds=rng.randrange(600), milliseconds=rng.randrange(1000))
        for kind, after_s, url, agent in _events_of_one_mail(rng, person):
            when = at + timedelta(milliseconds=round(after_s * 1000))
            if when > moments.end:
                continue
            story.mail.append(MailEvent(kind, when, mailing, at, url, agent, filtered=agent == IMAGE_PROXY))
            if kind == "CLICK" and agent != SCANNER:
                story.strength += 0.35
            elif kind in {"UNSUBSCRIBED", "SPAMREPORT"}:
                story.unsubscribed = True
                story.strength -= 2.0
        if story.unsubscribed or person.bad_address:
            return


def _open_rate(person: Person) -> float:
    return 0.12 + 0.55 * person.intent


def _click_rate(person: Person) -> float:
    return 0.04 + 0.4 * person.intent


def _events_of_one_mail(rng: random.Random, person: Person) -> Iterator[tuple[str, float, str | None, str | None]]:
    """Type, seconds after the sending, link and user agent: those of machines at once and of every link."""
    yield "SENT", 0, None, None
    if person.bad_address:
        yield "BOUNCE", 3, None, None
        return
    yield "DELIVERED", rng.uniform(0.2, 0.8), None, None
    if person.company is not None and person.company.scans_links:
        yield "OPEN", 1.0, None, SCANNER
        for url in LINKS:
            yield "CLICK", rng.uniform(1.0, 2.0), url, SCANNER
    if rng.random() < _open_rate(person):
        after_s = rng.expovariate(1 / 20_000) + 40
        yield "OPEN", after_s, None, IMAGE_PROXY if rng.random() < 0.15 else rng.choice(BROWSERS)
        if rng.random() < 0.3:
            yield "OPEN", after_s + rng.uniform(3_000, 90_000), None, rng.choice(BROWSERS)
        if rng.random() < _click_rate(person):
            yield "CLICK", after_s + rng.uniform(5, 120), rng.choice(LINKS[:3]), rng.choice(BROWSERS)
    leaves = rng.random()
    if leaves < 0.012 * (1.2 - person.intent):
        yield "UNSUBSCRIBED" if leaves > 0.001 else "SPAMREPORT", 200, LINKS[3], rng.choice(BROWSERS)


def _visit(rng: random.Random, story: Story, person: Person, moments: _Moments) -> None:
    """Page views and visits, which the CRM only counts."""
    if rng.random() < 0.25 * (1 - person.intent):
        return
    story.visits = 1 + _poisson(rng, 8 * person.intent)
    story.page_views = story.visits + _poisson(rng, story.visits * (0.5 + 4 * person.intent))
    seen = sorted(moments.draw() for _ in range(min(story.visits, 5)))
    story.first_visit, story.last_visit = seen[0], seen[-1]
    story.strength += 0.35 * math.log1p(story.page_views)


def _fill_forms(rng: random.Random, story: Story, person: Person, moments: _Moments, rows: float) -> None:
    filled: set[str] = set()
    for _ in range(_poisson(rng, rows * 0.14 * person.intent**1.2)):
        form = rng.choice([form for form in FORMS if person.intent >= form.from_intent])
        story.forms.append((moments.draw(), form))
        if form.name not in filled:
            story.strength += form.strength
            filled.add(form.name)
    story.forms.sort(key=lambda entry: entry[0])


def _meet_sales(rng: random.Random, story: Story, person: Person, moments: _Moments, rows: float) -> None:
    weights = {
        "task": 0.25,
        "call": 0.25,
        "mail_out": 0.2,
        "note": 0.1,
        "mail_in": 0.25 * person.intent,
        "webinar": 0.2 * person.intent,
        "meeting": 0.35 * person.intent,
    }
    worth = {"call": 0.15, "mail_out": 0.05, "mail_in": 0.3, "webinar": 0.5, "meeting": 0.6}
    kinds = rng.choices(list(weights), list(weights.values()), k=max(_round(rng, rows), 0))
    for kind in kinds:
        went_well = rng.random() < 0.2 + 0.7 * person.intent
        touch = Touch(kind, moments.draw(office_hours=True), went_well, 2 + rng.randrange(45))
        story.touches.append(touch)
        story.strength += worth.get(kind, 0.0) if went_well else 0.0
    story.touches.sort(key=lambda touch: touch.at)


def _decide(rng: random.Random, story: Story, person: Person, now: datetime) -> None:
    """Buying is a logistic function of what they did and who they are."""
    if person.kind != "buyer" or person.bad_address:
        return
    logit = -12.0 + 0.9 * min(story.strength, 10.0) + 9.0 * person.fit
    if rng.random() >= 1 / (1 + math.exp(-logit)):
        return
    last = story.last_activity()
    if last is not None:
        story.bought_at = min(now - timedelta(hours=1), last + timedelta(days=1 + rng.randrange(9)))


def _round(rng: random.Random, value: float) -> int:
    """Up or down by chance, so that the mean stays."""
    return math.floor(value + rng.random())


def _poisson(rng: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
