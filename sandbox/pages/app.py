"""The routes of the record pages: a list sorted by rating, and one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.routing import Route

from sandbox.pages.records import hubspot_record, hubspot_records, salesforce_record, salesforce_records
from sandbox.pages.views import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from sandbox.hubspot.portal import Portal
    from sandbox.pages.views import Record
    from sandbox.salesforce.org import Org

PAGE_SIZE: Final = 25


@dataclass(frozen=True, slots=True)
class _Theme:
    """How the pages of one CRM look and what they call its records."""

    css_class: str
    product: str
    people: str


def hubspot_pages(portal: Portal) -> list[Route]:
    """`/records` and `/records/contacts/{id}` in HubSpot's manner."""
    return _routes(
        _Theme("hubspot", "HubSpot sandbox", "Contacts"),
        lambda: hubspot_records(portal),
        lambda kind, record_id: hubspot_record(portal, kind, record_id),
    )


def salesforce_pages(org: Org) -> list[Route]:
    """`/records` and `/records/{Lead or Contact}/{id}` in Salesforce's manner."""
    return _routes(
        _Theme("salesforce", "Salesforce sandbox", "Leads and contacts"),
        lambda: salesforce_records(org),
        lambda kind, record_id: salesforce_record(org, kind, record_id),
    )


def _routes(
    theme: _Theme, everyone: Callable[[], Iterable[Record]], one: Callable[[str, str], Record | None]
) -> list[Route]:
    templates = Environment(
        loader=PackageLoader("sandbox.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def render(name: str, status: int = 200, **values: object) -> Response:
        return HTMLResponse(templates.get_template(name).render(theme=theme, **values), status)

    async def listing(request: Request) -> Response:
        wanted = request.query_params.get("q", "").strip()
        records = [record for record in everyone() if _matches(record, wanted.casefold())]
        pages = max(-(-len(records) // PAGE_SIZE), 1)
        given = request.query_params.get("page", "1")
        page = min(max(int(given), 1), pages) if given.isdecimal() else 1
        shown = in_order(records)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        rated = sum(bool(record.score.rating) for record in records)
        return render(
            "list.html", records=shown, page=page, pages=pages, total=len(records), rated=rated, wanted=wanted
        )

    async def single(request: Request) -> Response:
        record = one(request.path_params["type"], request.path_params["id"])
        if record is None:
            return render("missing.html", 404)
        return render("record.html", record=record)

    return [Route("/records", listing, name="records"), Route("/records/{type}/{id}", single, name="record")]


def _matches(record: Record, wanted: str) -> bool:
    return not wanted or any(wanted in text.casefold() for text in (record.name, record.company, record.email))
