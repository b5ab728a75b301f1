"""One call, parsed, and its answer before it becomes bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.hubspot.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams

    from sandbox.hubspot.portal import Token


@dataclass(slots=True)
class Ask:
    """What a handler needs to know of a call. `body` is parsed JSON, or a form's fields for the token endpoint."""

    path: str
    url: str  # without the query
    params: Mapping[str, str]  # from the path
    query: QueryParams
    body: Any = None
    token: Token | None = None
    authorization: str = ""  # the header
    size: int = 0  # characters of the body
    version: str = ""  # the date of the API that was called; "" is one of the old versions

    def integer(self, name: str, default: int) -> int:
        """A whole number of the query. Raises a 400 when it is none."""
        text = self.query.get(name)
        if not text:
            return default
        if not text.lstrip("-").isdigit():
            raise bad_request(f'Cannot deserialize value of type `int` from String "{text}": {name}')
        return int(text)

    def limit(self, *, default: int, most: int) -> int:
        """The page size asked for. Raises a 400 outside 1 to `most`."""
        limit = self.integer("limit", default)
        if not 1 <= limit <= most:
            raise bad_request(f"Invalid limit {limit}: it must be between 1 and {most}.")
        return limit

    def flag(self, name: str) -> bool:
        """A true or false of the query."""
        return self.query.get(name, "").lower() == "true"

    def words(self, name: str) -> list[str]:
        """A list of the query, given as one comma list or as a repeated keyword."""
        return [word.strip() for text in self.query.getlist(name) for word in text.split(",") if word.strip()]

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises a 400 when it is something else."""
        if not isinstance(self.body, dict):
            raise bad_request("Invalid input JSON: an object is expected.")
        return self.body

    def inputs(self, most: int) -> list[dict[str, Any]]:
        """The inputs of a batch call. Raises a 400 for none, too many, or things that are no objects."""
        inputs = self.json().get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
            raise bad_request("Invalid input JSON: inputs must be a list of objects.")
        if not inputs:
            raise bad_request("Some required fields were not set: [inputs]")
        if len(inputs) > most:
            raise bad_request(f"Too many inputs: {len(inputs)}; a batch holds at most {most}.")
        return inputs


@dataclass(slots=True)
class Reply:
    """An answer: `body` None means no content."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
