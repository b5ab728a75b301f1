"""Visits: what of the deeds on the web belongs together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.model_values import Part, Seconds, Types


class Visits(Part):
    """How deeds on the web become visits. No visit reaches over midnight, UTC."""

    gap: Annotated[Seconds, Field(ge=1, description="A longer pause ends the visit.")] = 1800
    of: Annotated[Types, Field(description="Activity types that visits consist of.")] = (
        "page_view", "product_view", "email_click", "ad_click", "form_submission", "download", "chat", "cart_add",
        "price_request", "purchase", "event_registered",
    )  # fmt: skip
