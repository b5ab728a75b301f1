"""Machines in the model: what tells the deeds of scanners, bots and mail proxies from those of people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.model_values import Number, Part, Seconds

Sign = Literal["fast", "many_links", "no_open", "user_agent"]
SIGNS: tuple[Sign, ...] = ("fast", "many_links", "no_open", "user_agent")


class Machine(Part):
    """When an event is a machine's. Each sign is weak; `needed` of them make the verdict."""

    signs: Annotated[
        tuple[Sign, ...],
        Field(
            min_length=1,
            description="fast: soon after sending. many_links: several links clicked at once. no_open: a click without "
            "an open of that mail. user_agent: on the list scanner_user_agents.",
        ),
    ] = SIGNS
    needed: Annotated[int, Field(ge=1, le=5, description="So many signs make a machine.")] = 2
    fast: Annotated[Number, Field(ge=0, description="So many seconds after sending are too fast for a person.")] = 2
    links: Annotated[int, Field(ge=2, le=100, description="So many different links clicked at once are many.")] = 3
    at_once: Annotated[Seconds, Field(ge=1, le=3600, description="Before and after a click: at once.")] = 2
    crm_flag: Annotated[
        Literal["decides", "sign", "ignored"],
        Field(description="What it counts that the CRM itself calls it a machine's: enough alone, a sign, or nothing."),
    ] = "decides"
    privacy_opens: Annotated[
        Literal["machine", "person"],
        Field(
            description="Whose an open is that a mail proxy made to protect the reader (its user agent is one of the "
            "list privacy_user_agents): nobody can tell whether somebody read the mail."
        ),
    ] = "machine"
