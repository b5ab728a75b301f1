"""The vocabulary of facts: what connectors deliver, what the mirror keeps and what the engine reads.

Six kinds of table travel from a connector to the mirror: `records`, `accounts`, `deals`, `line_items`, `activities`
and `counters`; a seventh, `removals`, says which of them are gone. All times are UTC; inside columnar tables they are
`timestamp[us]` without a zone (UTC by definition), in Python they are aware. Ids are text. Unknown is null.

Attributes that the user maps travel as columns called ``attr.<name>``, always as text in canonical form
(numbers as decimals, booleans as ``true``/``false``, dates as ISO 8601 UTC). The mirror casts them to the type the
mapping names; what cannot be cast becomes null and is counted. Fields that Leadgrade writes travel back as
``observed.<name>``, also as text, so that the plan can compare desired with observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from config import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from config.model import Model

ATTRIBUTE_PREFIX: Final = "attr."
OBSERVED_PREFIX: Final = "observed."


class Table(StrEnum):
    """The tables of facts a batch can carry rows of."""

    RECORDS = "records"
    ACCOUNTS = "accounts"
    DEALS = "deals"
    LINE_ITEMS = "line_items"
    ACTIVITIES = "activities"
    COUNTERS = "counters"
    REMOVALS = "removals"


class Kind(StrEnum):
    """What a record in a CRM is."""

    CONTACT = "contact"
    LEAD = "lead"
    ACCOUNT = "account"
    DEAL = "deal"
    LINE_ITEM = "line_item"
    ACTIVITY = "activity"


class Removed(StrEnum):
    """Why a record is no longer live."""

    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    ERASED = "erased"


# The model's file speaks of them too, so they stand where it can read them.
ACTIVITY_TYPES: Final = vocabulary.ACTIVITY_TYPES
DONE_TO_THEM: Final = vocabulary.DONE_TO_THEM
is_activity_type = vocabulary.is_activity_type


# Column name -> type word; the words are those of `_ARROW` below. Order is the order of the columns.
COLUMNS: Final[dict[Table, dict[str, str]]] = {
    Table.RECORDS: {
        "crm": "text",
        "kind": "text",  # contact or lead
        "record_id": "text",
        "email": "text",  # as the CRM holds it; identity normalises
        "account_id": "text",  # the primary company or account, same CRM
        "owner_id": "text",
        "stage": "text",  # lifecycle stage or lead status, as the CRM holds it
        "created_at": "time",
        "modified_at": "time",
        "removed": "text",  # a Removed word, or null while live
        "links": "texts",  # the same person elsewhere, each as "<crm>:<record_id>"
    },  # + attr.*, observed.*
    Table.ACCOUNTS: {
        "crm": "text",
        "account_id": "text",
        "domain": "text",
        "modified_at": "time",
    },  # + attr.company.*
    Table.DEALS: {
        "crm": "text",
        "deal_id": "text",
        "account_id": "text",
        "record_ids": "texts",  # person records of the same CRM that take part
        "roles": "texts",  # of each of them the buying roles as the CRM names them, with semicolons between; or null
        "amount": "number",
        "currency": "text",
        "stage": "text",
        "is_closed": "flag",
        "is_won": "flag",
        "created_at": "time",
        "closed_at": "time",  # null while it is open: the date that is hoped for says nothing of what happened
        "links": "texts",  # the same deal elsewhere, each as "<crm>:<deal_id>"
        "modified_at": "time",
    },
    Table.LINE_ITEMS: {
        "crm": "text",
        "line_id": "text",
        "deal_id": "text",
        "product": "text",  # its name, or its code where it has none
        "amount": "number",  # of the line, after discount
        "modified_at": "time",
    },
    Table.ACTIVITIES: {
        "crm": "text",
        "activity_id": "text",  # unique within the CRM, stable over re-reads
        "source_id": "text",  # the object it was read from, where that may change or go; all of it comes together
        "record_id": "text",  # whose it is; or, when null,
        "email": "text",  # the address it belongs to
        "type": "text",
        "occurred_at": "time",
        "seen_at": "time",  # when a pull first saw it
        "count": "integer",  # like events on that day; 1 for a single event
        "url": "text",
        "asset": "text",  # form, file, e-mail or event name; subject of a call
        "campaign": "text",
        "duration_s": "number",
        "user_agent": "text",
        "since_send_s": "number",  # seconds between the sending of the e-mail and this event
        "flagged_machine": "flag",  # the CRM itself says that a machine did it
    },
    Table.COUNTERS: {
        "crm": "text",
        "record_id": "text",
        "type": "text",
        "total": "integer",  # how often so far, as the CRM counts
        "first_at": "time",
        "last_at": "time",
        "seen_at": "time",
    },
    Table.REMOVALS: {
        "crm": "text",
        "kind": "text",  # a Kind word
        "record_id": "text",
        "removed": "text",
        "successor_id": "text",  # survivor of a merge, contact of a conversion
        "removed_at": "time",
    },
}

FURTHER_FACTS: Final = ("seen_at", "duration_s", "since_send_s", "flagged_machine")
"""What the engine reads of an activity only where something asks for it."""

KEYS: Final[dict[Table, tuple[str, ...]]] = {
    Table.RECORDS: ("crm", "record_id"),
    Table.ACCOUNTS: ("crm", "account_id"),
    Table.DEALS: ("crm", "deal_id"),
    Table.LINE_ITEMS: ("crm", "line_id"),
    Table.ACTIVITIES: ("crm", "activity_id"),
    Table.COUNTERS: ("crm", "record_id", "type"),
    Table.REMOVALS: ("crm", "kind", "record_id"),
}
"""What makes a row the same row: every write to the mirror is an upsert by these."""


@dataclass(frozen=True, slots=True)
class OutputField:
    """One field that Leadgrade writes to person records.

    `type` is ``integer``, ``text`` or ``date``; `length` is the longest text, in characters. A `choices` field takes
    only these values. A `rider` is written only together with another change (or to heal an empty field, or a
    day that has passed): its value may move without being worth an API call.

    `section` is the key of the model without which the field is not written (``rfm``, ``lifecycle.skip``), or
    ALSO_WRITE for one that a model asks for by name; empty for those that every model writes.
    """

    name: str
    label: str
    type: str
    description: str
    length: int = 0
    choices: tuple[str, ...] = ()
    rider: bool = False
    section: str = ""


ALSO_WRITE: Final = "also_write"

OUTPUT_FIELDS: Final = (
    OutputField("fit_score", "Fit score", "integer", "Who they are, 0 to 100."),
    OutputField("fit_grade", "Fit grade", "text", "Letter for the fit score; ? while nothing is known.", 10),
    OutputField("engagement_score", "Engagement score", "integer", "What they do, 0 to 100."),
    OutputField("rating", "Rating", "text", "Fit grade and engagement level together, such as A1.", 20),
    OutputField("trend", "Trend", "text", "Which way engagement moves.", 10, ("rising", "steady", "cooling")),
    OutputField("stage", "Lead stage", "text", "Lifecycle stage that the score supports.", 60),
    OutputField("reasons", "Reasons", "text", "What moved the score most.", 255, rider=True),
    OutputField("next_fact", "Fact most worth finding", "text", "What would narrow the grade most.", 100),
    OutputField("valid_until", "Valid until", "date", "The day rating or stage drops if nothing happens.", rider=True),
    OutputField("model_version", "Model version", "text", "Model that wrote these values.", 40, rider=True),
    OutputField("skip", "Skip", "text", "Whether scores are too low to spend time on.", 10, ("yes", "no"),
                section="skip"),
    OutputField("fit_profile", "Fit profile", "text", "Segment whose criteria count; empty for none.", 60,
                section="fit.profiles"),
    OutputField("data_confidence", "Data confidence", "integer", "How much of what fit asks about is known, 0 to 100.",
                section=ALSO_WRITE),
    OutputField("trend_reason", "Trend reason", "text", "What moved engagement: behaviour, decay or late data.", 120,
                rider=True, section=ALSO_WRITE),
    OutputField("hand_off", "Hand-off", "text", "Rating, reasons, trend and how long it holds, in one text.", 255,
                rider=True, section="hand_off"),
    OutputField("rating_until", "Rating holds until", "date", "The day the rating drops if nothing happens.",
                rider=True, section=ALSO_WRITE),
    OutputField("stage_until", "Stage holds until", "date", "The day the stage is left if nothing happens.",
                rider=True, section=ALSO_WRITE),
    OutputField("rfm_score", "RFM score", "integer", "Recency, frequency and monetary value, 0 to 100.", section="rfm"),
    OutputField("rfm_code", "RFM code", "text", "A digit each; 555 is best.", 3, section="rfm"),
    OutputField("rfm_segment", "RFM segment", "text", "What kind of buyer that is.", 60, section="rfm"),
    OutputField("bant_score", "BANT score", "integer", "Budget, authority, need, timeline, 0 to 100.", section="bant"),
    OutputField("bant_met", "BANT met", "text", "The letters that are met, such as BA-T.", 4, section="bant"),
    OutputField("bant_status", "BANT status", "text", "Whether they pass the gate.", 10, ("qualified", "open"),
                section="bant"),
    OutputField("bant_question", "BANT question", "text", "What to ask next.", 60, section="bant"),
    OutputField("product", "Product of interest", "text", "Which product they look into.", 60, section="affinity"),
    OutputField("product_share", "Product share", "integer", "Percent of their interest that it has.", rider=True,
                section="affinity"),
    OutputField("next_content", "Content to send next", "text", "The first about it that they have not seen.", 60,
                section="affinity"),
    OutputField("account_score", "Account score", "integer", "All people of the company together, 0 to 100.",
                section="account"),
    OutputField("buying_role", "Buying role", "text", "Their part in buying.", 60, section="account.roles"),
    OutputField("role_coverage", "Buying roles covered", "integer", "Percent of the needed roles that the company has.",
                section="account.roles"),
    OutputField("missing_roles", "Missing buying roles", "text", "Needed roles that nobody has.", 255,
                section="account.roles"),
    OutputField("ratings", "Combined ratings", "text", "Ratings by other axes.", 255, section="ratings"),
)  # fmt: skip
"""Every field that some model can write; `fields_of` says which of them a model does."""

OUTPUT_BY_NAME: Final = {field.name: field for field in OUTPUT_FIELDS}
BASIC_FIELDS: Final = tuple(field for field in OUTPUT_FIELDS if not field.section)
"""Those that every model writes."""


def fields_of(model: Model) -> tuple[OutputField, ...]:
    """The fields that `model` writes, in the order of OUTPUT_FIELDS."""
    return tuple(field for field in OUTPUT_FIELDS if _writes(model, field))


def _writes(model: Model, field: OutputField) -> bool:
    if field.section == ALSO_WRITE:
        return field.name in model.also_write
    part: Any = model
    for key in field.section.split(".") if field.section else ():
        part = getattr(part, key, None)
    return bool(part)


def columns_of(table: Table, attributes: Iterable[str] = ()) -> dict[str, str]:
    """Column name -> type word of a batch of `table`, with a column per mapped attribute name.

    `attributes` are names such as ``job_title`` or ``company.industry``. Records carry all of them (a lead holds its
    company's industry itself) and the observed fields; accounts carry the ``company.`` ones; others carry none.
    """
    columns = dict(COLUMNS[table])
    if table is Table.RECORDS:
        columns |= {ATTRIBUTE_PREFIX + name: "text" for name in attributes}
        columns |= {OBSERVED_PREFIX + field.name: "text" for field in OUTPUT_FIELDS}
    elif table is Table.ACCOUNTS:
        columns |= {ATTRIBUTE_PREFIX + name: "text" for name in attributes if name.startswith("company.")}
    return columns


def arrow_schema(table: Table, attributes: Iterable[str] = ()) -> pa.Schema:
    """The Arrow schema of a batch of `table`; see `columns_of`."""
    import pyarrow as pa

    arrow = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "time": pa.timestamp("us"),
        "number": pa.float64(),
        "integer": pa.int64(),
        "flag": pa.bool_(),
    }
    return pa.schema([(name, arrow[word]) for name, word in columns_of(table, attributes).items()])
