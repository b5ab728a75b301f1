"""What Salesforce's answers mean: statuses and error codes of calls, and error codes of rows.

Numbers and codes are those of the REST and Bulk API 2.0 references. Only our own words and, for rules that an
administrator wrote, the masked text of the rule get into messages: Salesforce likes to quote values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from connectors.door import Again, Good, Renew, Verdict
from connectors.errors import (
    AuthStop,
    ConfigProblem,
    ConnectorBug,
    ConnectorError,
    LimitReached,
    SplitBatch,
    Unreachable,
)
from connectors.salesforce.permissions import SYSTEM

if TYPE_CHECKING:
    from connectors.door import Request, Response

CRM: Final = "salesforce"


class LocatorExpired(Unreachable):
    """A query's cursor is gone (two days old, or of an ended session); the slice must be read again."""


class TooManyPeople(SplitBatch):
    """A query of activities met more than 100,000 people, and the running user may not view all data."""


class NotThere(ConfigProblem):
    """No such object, job or record, or none that we may see."""


class BulkRefused(ConfigProblem):
    """The object or query is nothing for Bulk API 2.0; REST does it."""


class LogCut(Unreachable):
    """The log of deletions does not reach back as far as was asked."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of an answer's body, or of a row."""

    code: str
    message: str
    field: str = ""


def problems_in(body: object) -> list[Problem]:
    """The errors in a body of any shape: a list, a single object, an OAuth error, or none at all."""
    entries = body if isinstance(body, list) else [body]
    found = []
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        code = entry.get("errorCode") or entry.get("statusCode") or entry.get("error")
        if not code:
            continue
        message = entry.get("message") or entry.get("error_description") or ""
        fields = entry.get("fields") or [""]
        found.append(Problem(str(code), str(message), str(fields[0])))
    return found


_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_NUMBER = re.compile(r"(?<!\w)\+?\d[\d ().-]{6,}\d(?!\w)")
LONGEST_TEXT: Final = 255


def mask(text: str) -> str:
    """`text` without e-mail addresses and telephone numbers, on one line, at most 255 characters."""
    text = _NUMBER.sub("<number>", _EMAIL.sub("<e-mail>", " ".join(text.split())))
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


# --- calls -----------------------------------------------------------------------------------------------------

_BUSY_STATUS: Final = frozenset({406, 408, 420, 425, 429})
"""Edges answer these, often without a body; all pass."""

_SPLIT_CODES: Final = frozenset(
    {"OPERATION_TOO_LARGE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "TOO_MANY_APEX_REQUESTS", "EXCEEDED_ID_LIMIT"}
)

_PASSING_CODES: Final = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"})

VIEW_ALL: Final = "Grant the running user 'View All Data', or 'View All' on the object."

API_OFF: Final = f"The API is off for this organisation or user: grant 'API Enabled' ({SYSTEM})."
NO_RIGHT: Final = "The running user lacks a right: `leadgrade check` names it, and where it is granted."

_PERMISSION_CODES: Final = {
    "API_DISABLED_FOR_ORG": API_OFF,
    "API_CURRENTLY_DISABLED": API_OFF,
    "INSUFFICIENT_ACCESS": NO_RIGHT,
    "INSUFFICIENT_ACCESS_OR_READONLY": NO_RIGHT,
    "FUNCTIONALITY_NOT_ENABLED": "The feature is not enabled in this organisation.",
    "TXN_SECURITY_METERING_ERROR": "A transaction security policy stopped the query: exempt the running user.",
    "INVALID_TYPE": "The object is off, or the running user may not read it: grant 'Read' and 'View All' on it.",
    "INVALID_TYPE_FOR_OPERATION": "The object is off, or the running user may not read it.",
}

_NO_SUCH_COLUMN = re.compile(r"No such column '([\w.]+)' on (?:entity|sobject of type) '?(\w+)'?")
_PERMANENT_401: Final = ("not attached to Agent", "not valid for use with the REST API")


def judge(request: Request, response: Response) -> Verdict:
    """What an answer to `request` asks us to do. Never indexes into a body it has not looked at."""
    if response.status < 300:
        return _judge_good(response)
    if response.status < 400:
        return ConfigProblem(
            f"{request} was redirected.",
            crm=CRM,
            remedy="Set salesforce.login_url to the organisation's My Domain (https://NAME.my.salesforce.com).",
        )
    problems = problems_in(response.json())
    if not problems:
        return _judge_bare(request, response)
    for problem in problems:
        verdict = _judge_code(request, response.status, problem)
        if verdict is not None:
            return verdict
    return _judge_bare(request, response, problems[0].code)


def _judge_good(response: Response) -> Verdict:
    kind = response.headers.get("content-type", "")
    if "html" in kind:
        return Again("html instead of data")
    cut = "json" in kind and response.content and response.json() is None
    return Again("json cut off") if cut else Good()


def _judge_code(request: Request, status: int, problem: Problem) -> Verdict | None:
    code, text = problem.code, problem.message
    if "/jobs/" in request.path and (verdict := _judge_job(request, problem)):
        return verdict
    if status == 401:
        return _judge_session(request, text)
    return _judge_named(request, code, text)


def _judge_named(request: object, code: str, text: str) -> Verdict | None:
    """What an error code means wherever it stands; `request` is what the messages call the call."""
    if code in _PERMISSION_CODES or "Implementation restriction" in text:
        remedy = _PERMISSION_CODES.get(code, VIEW_ALL)
        return AuthStop(f"{request} was refused ({code}).", crm=CRM, remedy=remedy)
    if code in _SPLIT_CODES:
        return _judge_size(request, code)
    if code in _PASSING_CODES:
        return Again(code.lower(), maybe_done=True)
    match code:
        case "REQUEST_LIMIT_EXCEEDED":
            return _judge_limit(request, text)
        case "INVALID_QUERY_LOCATOR":
            return LocatorExpired(
                f"{request}: the query's cursor is gone.", crm=CRM, remedy="Run again: it is asked anew."
            )
        case "INVALID_FIELD":
            return _missing_field(request, text)
        case "INVALID_REPLICATION_DATE":
            return LogCut(
                f"{request}: the log of deletions does not reach back so far.", crm=CRM, remedy="Run again later."
            )
        case "NOT_FOUND":
            return _not_there(request)
        case "UNSUPPORTED_API_VERSION":
            return _retired(request)
    return None


_NO_BULK = re.compile(r"not supported (?:by|in) (?:the )?Bulk", re.IGNORECASE)


def _judge_job(request: Request, problem: Problem) -> Verdict | None:
    code = problem.code
    if code in {"INVALIDENTITY", "FEATURENOTENABLED"} or _NO_BULK.search(problem.message):
        return BulkRefused(
            f"{request}: nothing for Bulk API 2.0 ({code}).",
            crm=CRM,
            remedy="Grant the running user 'Read' and 'Edit' on the object.",
        )
    if code in {"LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "API_ERROR"}:
        return LimitReached(
            f"{request}: the organisation's daily Bulk quota is used up ({code}).",
            crm=CRM,
            remedy="State is saved; run again when the rolling 24 hours have moved on.",
        )
    if code in {"INVALIDJOB", "INVALIDJOBSTATE"}:
        return NotThere(
            f"{request}: no such job, or not in that state ({code}).",
            crm=CRM,
            remedy="Run again; if it stays so, look at Setup > Bulk Data Load Jobs.",
        )
    return None


def _judge_bare(request: Request, response: Response, code: str = "no code") -> Verdict:
    status = response.status
    if status >= 500 or status in _BUSY_STATUS:
        return Again(f"status {status}", maybe_done=status >= 500)
    if status == 401:
        return _judge_session(request, "")
    if status == 403:
        return AuthStop(
            f"{request} was refused ({code}).", crm=CRM, remedy="Run `leadgrade check` to see which right is missing."
        )
    if status == 404:
        return _not_there(request)
    if status == 410:
        return _retired(request)
    return ConnectorBug(f"{request} was answered with status {status} ({code}).", crm=CRM)


def _judge_session(request: Request, text: str) -> Verdict:
    refusal = AuthStop(
        f"{request}: the session was refused.",
        crm=CRM,
        remedy="Check the external client app's policies and that the running user is active.",
    )
    return refusal if any(words in text for words in _PERMANENT_401) else Renew(refusal)


def _judge_size(request: object, code: str) -> SplitBatch:
    if code == "OPERATION_TOO_LARGE":
        text = f"{request} met more people than the running user may ask about ({code})."
        return TooManyPeople(text, crm=CRM, remedy=VIEW_ALL)
    return SplitBatch(f"{request} asked for too much ({code}).", crm=CRM)


def _judge_limit(request: object, text: str) -> Verdict:
    if "concurrent" in text.lower():
        return Again("too many long calls at once")
    return LimitReached(
        f"{request}: the organisation's daily calls are used up.",
        crm=CRM,
        remedy="State is saved; run again when the rolling 24 hours have moved on.",
    )


def _missing_field(request: object, text: str) -> ConfigProblem:
    found = _NO_SUCH_COLUMN.search(text)
    name = f"{found[2]}.{found[1]}" if found else "a field"
    return ConfigProblem(
        f"{request}: {name} does not exist or may not be read.",
        crm=CRM,
        remedy=f"Correct the mapping, or grant 'Read' on {name} (field-level security) in a permission set.",
    )


def _not_there(request: object) -> NotThere:
    return NotThere(
        f"{request}: not found.",
        crm=CRM,
        remedy="It is gone or hidden from the running user; or correct salesforce.api_version.",
    )


def _retired(request: object) -> ConfigProblem:
    return ConfigProblem(
        f"{request}: this API version is not served.",
        crm=CRM,
        remedy="Set salesforce.api_version to one that the organisation lists under /services/data.",
    )


_CODE = re.compile(r"[A-Z][A-Z_]+[A-Z]")
_TOO_LONG: Final = ("running for too long", "Retried more than")


def judge_query_job(job: str, state: str, text: str) -> ConnectorError:
    """Why a Bulk query job ended as `state` other than complete; `text` is the server's message.

    The codes stand somewhere in the message, often behind one of the job's own ("InvalidBatch : Failed to process
    query: ..."). What names no cause that we know is taken as passing: nothing was lost, and a later job may do it.
    """
    what = f"Bulk query {job}"
    if any(words in text for words in _TOO_LONG):
        return SplitBatch(f"{what} ran too long.", crm=CRM)
    codes: list[str] = _CODE.findall(text)
    for code in codes:
        verdict = _judge_named(what, code, text)
        known = isinstance(verdict, (AuthStop, ConfigProblem, LimitReached, SplitBatch))
        if isinstance(verdict, ConnectorError) and known and not isinstance(verdict, NotThere):
            return verdict
    head = text.partition(":")[0].strip()
    named = next((code for code in codes if "_" in code), head if head.isalpha() else "no code")
    return Unreachable(
        f"{what} ended as {state} ({named}).",
        crm=CRM,
        remedy="Nothing was lost; run again. If it ends so each time, look at Setup > Bulk Data Load Jobs.",
    )


# --- rows ------------------------------------------------------------------------------------------------------


class RowFate(Enum):
    """What becomes of a row that was not taken."""

    LOCKED = "locked"  # somebody holds it or its account: try again, alone
    SPLIT = "split"  # the organisation's triggers gave up on the batch: try again in a smaller one
    LATER = "later"  # nothing wrong with the row; a later run may do it
    CONVERTED = "converted"
    GONE = "gone"
    REFUSED = "refused"


# Searched for in code and message, in this order: automations wrap the cause inside codes of their own.
_FATES: Final[tuple[tuple[str, RowFate], ...]] = (
    ("UNABLE_TO_LOCK_ROW", RowFate.LOCKED),
    ("unable to obtain exclusive access", RowFate.LOCKED),
    ("CANNOT_UPDATE_CONVERTED_LEAD", RowFate.CONVERTED),
    ("cannot reference converted lead", RowFate.CONVERTED),
    ("ENTITY_IS_DELETED", RowFate.GONE),
    ("INVALID_CROSS_REFERENCE_KEY", RowFate.GONE),
    ("NOT_FOUND", RowFate.GONE),
    ("REQUEST_RUNNING_TOO_LONG", RowFate.SPLIT),
    ("TOO_MANY_APEX_REQUESTS", RowFate.SPLIT),
    ("LimitException", RowFate.SPLIT),
    ("Apex CPU time limit", RowFate.SPLIT),
    ("Too many SOQL queries", RowFate.SPLIT),
    ("Too many DML", RowFate.SPLIT),
    ("ENTITY_IS_LOCKED", RowFate.LATER),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", RowFate.LATER),
)

_OWN_WORDS: Final = {
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "The value is not of the field's type.",
    "STRING_TOO_LONG": "The value is longer than the field.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "The value is not one of the field's choices.",
    "NUMBER_OUTSIDE_VALID_RANGE": "The number does not fit the field.",
    "DUPLICATES_DETECTED": "A duplicate rule refuses the record.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "The running user may not edit this record or field.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "The running user may not edit a record this one refers to.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "The field is not open to the running user's edits.",
    "INVALID_CROSS_REFERENCE_KEY": "No such record, or none that the running user may see.",
    "CANNOT_UPDATE_CONVERTED_LEAD": "The lead has been converted.",
    "ENTITY_IS_DELETED": "The record has been deleted or merged.",
    "ENTITY_IS_LOCKED": "The record is locked by an approval.",
    "UNABLE_TO_LOCK_ROW": "The record or its account was locked by other work at every try.",
}
_RULE_CODES: Final = frozenset(
    {
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "REQUIRED_FIELD_MISSING",
    }
)


def fate_of(problem: Problem) -> RowFate:
    """What a row's error asks for, found by searching its code and its message."""
    text = f"{problem.code} {problem.message}".lower()
    return next((fate for words, fate in _FATES if words.lower() in text), RowFate.REFUSED)


def words_for(problem: Problem) -> str:
    """The sentence shown for a row's error: ours where Salesforce might quote a value, else the rule's own, masked."""
    if problem.code in _OWN_WORDS:
        return _OWN_WORDS[problem.code]
    return mask(problem.message) if problem.code in _RULE_CODES else "Salesforce refused the row."


def parse_bulk_error(text: str) -> Problem:
    """An ``sf__Error`` cell, ``CODE:message:fields --``; the last part is ``--`` when no field is named."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    field = fields.removesuffix("--").strip().split(",")[0]
    return Problem(code.strip(), message or rest, field)
