"""What stands in the way: scopes, properties, clocks. Every finding has its remedy; none is raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import Finding
from connectors.door import Request
from connectors.errors import AuthStop, ConnectorError
from connectors.hubspot import paths
from connectors.hubspot.engagement import ENGAGEMENTS
from connectors.hubspot.errors import Refused
from connectors.hubspot.fields import mapped, property_of
from connectors.hubspot.provision import clash
from connectors.hubspot.windows import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.hubspot.streams import Reading
    from scoring.facts import OutputField

SKEW_S = 120
"""A machine clock that is further off than this dates facts and renews tokens wrongly."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A cheap call that a missing scope refuses; `setting` is what turns the need off, when it can be.

    A `loose` one may well be refused for what it asks for, which says that it was allowed to ask.
    """

    subject: str
    request: Request
    setting: str = ""
    loose: bool = False


def findings(reading: Reading, fields: Sequence[OutputField], now: datetime) -> Iterator[Finding]:
    """All findings, in the order in which they are best mended; the first one alone when nobody lets us in."""
    access = _access(reading, now)
    yield access
    if access.level == "fail":
        return
    refused = False
    for probe in _probes(reading):
        finding = _probed(reading, probe)
        refused |= finding.level == "fail"
        yield finding
    if not refused:
        yield from _mapped_properties(reading)
        yield from _written_properties(reading, fields)


def _access(reading: Reading, now: datetime) -> Finding:
    try:
        off = abs(reading.client.server_now() - now)
    except ConnectorError as error:
        return Finding("fail", "access", error.message, error.remedy)
    if off > timedelta(seconds=SKEW_S):
        away = f"this machine's clock is {off.total_seconds():.0f} s away from HubSpot's."
        return Finding("warn", "clock", away, "Set it by NTP.")
    return Finding("pass", "clock", "agrees with HubSpot's.")


def _probes(reading: Reading) -> list[Probe]:
    def page(object_type: str) -> Request:
        return Request("GET", paths.objects(object_type), params={"limit": 1})

    def empty_update() -> Request:
        return Request("POST", paths.objects("contacts", "batch/update"), json={"inputs": []})

    settings, now = reading.settings, to_ms(reading.client.server_now())
    probes = [
        Probe("reading contacts", page("contacts")),
        Probe("writing contacts", empty_update(), loose=True),
        Probe("reading companies", page("companies")),
        Probe("reading deals", page("deals")),
        Probe("reading contact properties", Request("GET", paths.properties("contacts"))),
    ]
    if settings.line_items:
        probes.append(Probe("reading line items", page("line_items"), "hubspot.line_items"))
    if settings.email_events:
        hour = {"startTimestamp": now - 3_600_000, "endTimestamp": now, "limit": 1}
        probes.append(Probe("e-mail events", Request("GET", paths.EMAIL_EVENTS, params=hour), "hubspot.email_events"))
    if settings.forms:
        probes.append(Probe("forms", Request("GET", paths.FORMS, params={"limit": 1}), "hubspot.forms"))
    if settings.web_events:
        of_one = Request("GET", paths.OCCURRENCES, params={"objectType": "contact", "objectId": 1, "limit": 1})
        probes.append(Probe("event occurrences", of_one, "hubspot.web_events", loose=True))
    if settings.engagements:
        probes += [Probe(f"reading {kind}", page(kind), "hubspot.engagements") for kind in ENGAGEMENTS]
    return probes


def _probed(reading: Reading, probe: Probe) -> Finding:
    """Only the refusal of access is a finding of a loose probe: an empty update may be refused for being empty."""
    try:
        reading.client.call(probe.request)
    except AuthStop as error:
        off = f" Or set {probe.setting} to false." if probe.setting else ""
        return Finding("fail", probe.subject, error.message, error.remedy + off)
    except Refused as error:
        if not probe.loose:
            return Finding("fail", probe.subject, error.message)
    except ConnectorError as error:
        return Finding("fail", probe.subject, error.message, error.remedy)
    return Finding("pass", probe.subject, "allowed.")


def _mapped_properties(reading: Reading) -> Iterator[Finding]:
    for object_type, company in (("contacts", False), ("companies", True)):
        try:
            known = reading.client.properties(object_type)
        except AuthStop as error:  # reading goes on without definitions, so this is no failure
            yield Finding("warn", f"{object_type} properties", f"cannot be checked: {error.message}", error.remedy)
            continue
        for item in mapped(reading.types, reading.mapping, company=company):
            subject = f"{object_type}.{item.property}"
            if item.property in known:
                yield Finding("pass", subject, f"fills {item.attribute}.")
            else:
                chosen = item.attribute in reading.mapping and reading.mapping[item.attribute].hubspot
                yield Finding(
                    "fail" if chosen else "warn",
                    subject,
                    f"does not exist; {item.attribute} stays unknown.",
                    f"Name the right property under attributes.{item.attribute}.hubspot.",
                )


def _written_properties(reading: Reading, fields: Sequence[OutputField]) -> Iterator[Finding]:
    known: dict[str, dict[str, Any]] = reading.client.properties("contacts")
    for field in fields:
        name = property_of(field.name)
        subject = f"contacts.{name}"
        problem = clash(field, known.get(name))
        if name not in known:
            yield Finding("fail", subject, "does not exist.", "Run `leadgrade provision`.")
        elif problem:
            yield Finding("fail", subject, f"{problem}.", "Rename or delete it in HubSpot, then provision.")
        else:
            yield Finding("pass", subject, "is there and can be written.")
