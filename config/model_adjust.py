"""Points that people give or take by hand, in a field of the CRM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictStr, model_validator

from config.model_values import Days, Part
from config.yaml_file import Misfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.model_condition_checks import Findings
    from config.model_sections import Engagement
    from config.yaml_file import Loc


class Adjust(Part):
    """Where somebody's own correction of a score stands, since when it holds, and for how long."""

    by: Annotated[StrictStr, Field(description="Attribute with the points, positive or negative: a number.")]
    on: Annotated[StrictStr | None, Field(description="Attribute with the day from which on they count: a date.")] = (
        None
    )
    lasts: Annotated[Days | None, Field(description="They count for so many days, that day included.")] = None

    @model_validator(mode="after")
    def _begins(self) -> Adjust:
        if self.lasts is not None and self.on is None:
            raise Misfit("nothing says when the days begin.", remedy="Write `on`, or remove `lasts`.")
        return self


def check_by_hand(engagement: Engagement, find: Findings, known: Mapping[str, str]) -> None:
    """Check that the attributes of `adjust` and `restart` exist and are of the right types."""
    wanted: list[tuple[Loc, str | None, str]] = [(("engagement", "restart"), engagement.restart, "date")]
    if engagement.adjust is not None:
        loc: Loc = ("engagement", "adjust")
        wanted += [((*loc, "by"), engagement.adjust.by, "number"), ((*loc, "on"), engagement.adjust.on, "date")]
    for place, name, kind in wanted:
        if name is None:
            continue
        find.attribute(place, name, known)
        if known.get(name, kind) != kind:
            message = f"`{place[-1]}` needs a {kind}, and {name!r} is a {known[name]}."
            find.add(place, message, f"Map it with `type: {kind}` in leadgrade.yaml, or name another.")
