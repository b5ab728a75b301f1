"""The two shapes of refusal: a whole call (a list with `errorCode`) and one row (objects with `statusCode`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row was refused."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it stands in the answer of a collections call."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def as_cell(self) -> str:
        """As it stands in the ``sf__Error`` column of a bulk job: ``CODE:message:fields --``."""
        return f"{self.code}:{self.message}:{','.join(self.fields)}{' ' if self.fields else ''}--"


class ApiError(Exception):
    """A call refused as a whole, with its HTTP status."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def as_json(self) -> list[dict[str, Any]]:
        """The body: a list, even for one error."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            error["fields"] = list(self.fields)
        return [error]


def malformed_query(message: str) -> ApiError:
    """A statement that cannot be read, or that uses what this server does not know."""
    return ApiError(400, "MALFORMED_QUERY", message)


def no_such_column(field: str, sobject: str) -> ApiError:
    """A field that does not exist, or that the user may not see: the answer is the same."""
    return ApiError(
        400,
        "INVALID_FIELD",
        f"\nSELECT {field} FROM {sobject}\n       ^\nERROR at Row:1:Column:8\n"
        f"No such column '{field}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names.",
    )


def no_such_object(sobject: str) -> ApiError:
    """An object that is unknown, off, or out of the user's sight, named in a query."""
    return ApiError(
        400,
        "INVALID_TYPE",
        f"\nFROM {sobject}\n     ^\nERROR at Row:1:Column:1\nsObject type '{sobject}' is not supported. If you are "
        "attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your "
        "WSDL or the describe call for the appropriate names.",
    )


def not_found() -> ApiError:
    """No such path, record or job."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")
