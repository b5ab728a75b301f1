"""What follows from the scores for the people who work with them: whom to skip, what to hand over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.model_values import Number, Part
from config.yaml_file import Misfit

Language = Literal["en", "pl", "it", "uk", "sv"]


class Low(Part):
    """Scores that are low; all that are written must be."""

    fit: Annotated[Number | None, Field(gt=0, le=100, description="Fit below this.")] = None
    engagement: Annotated[Number | None, Field(gt=0, le=100, description="Engagement below this.")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Low:
        if self.fit is None and self.engagement is None:
            raise Misfit("nobody is low without a threshold.", remedy="Write fit or engagement.")
        return self


class Skip(Part):
    """Whom sales should not spend time on; told in a field of its own."""

    below: Low


class HandOff(Part):
    """One text for whoever takes the lead over: rating, reasons, trend, how long it holds."""

    language: Annotated[Language, Field(description="English, Polish, Italian, Ukrainian or Swedish.")] = "en"
