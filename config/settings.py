"""leadgrade.yaml: where the CRMs are, where state is kept, what may be written and when.

Any key can be overridden by environment, nested with two underscores (``LEADGRADE_HUBSPOT__BASE_URL``). Secrets come
only from the environment or from a file (``access_token_file``), never from the YAML; `config.loading` reads them all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from config.attributes import BUILT_IN, COMPUTED
from config.daemon_settings import AlertSettings, HealthSettings, ScheduleSettings
from config.model_values import crm_length
from config.setting_values import Flag, Secret, Section, Url
from config.yaml_file import Misfit

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME_LENGTH: Final = 100
"""The longest name of an attribute: it may be the fact most worth finding out, which is written to the CRM."""


def _whole_number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _api_version(version: str) -> str:
    number, _, rest = version.partition(".")
    if not number.isdecimal() or rest != "0":
        raise Misfit("this is not a version of Salesforce's API.", remedy="Write it as 67.0.")
    return version


StageValue = Annotated[str, BeforeValidator(_whole_number_as_text)]
"""HubSpot's ids of custom stages are numbers, which YAML need not quote."""


class StoreSettings(Section):
    """Where state is kept."""

    path: Path = Path(".leadgrade")
    """Folder of the mirror and the journal."""
    journal_url: str | None = None
    """SQLAlchemy URL of a journal in PostgreSQL, such as `postgresql://leadgrade@db/leadgrade`; without it, SQLite in
    `store.path`. With a password in it: environment only."""
    journal_url_file: Path | None = None
    """A file that holds the URL of the journal."""
    memory_limit_mb: int = Field(default=112, ge=64)
    """DuckDB's share of memory, in MB."""

    def secrets(self) -> list[str]:
        """The journal's password, as it stands in the URL: alone it may be a word that logs are full of."""
        try:
            password = urlsplit(self.journal_url or "").password
        except ValueError:  # it is no URL, and is told so where it is used
            password = None
        return [f":{password}@"] if password else []


class RetentionSettings(Section):
    """How long what is old is kept, in days; let go of at the end of each weekly reconciliation."""

    runs_days: int = Field(default=400, ge=30)
    """Runs and their reports."""
    activities_days: int | None = Field(default=None, ge=30)
    """Activities in the mirror; without it, for ever. They go only if nobody's score changes by it."""
    versions_days: int = Field(default=400, ge=1)
    """What facts were before they changed: as far back as the scores of past days are exact."""
    crossings_days: int = Field(default=1100, ge=30)
    """Edges crossed into a stage; those into one that people may enter only so often (`max_entries`) stay."""
    rejects_days: int = Field(default=180, ge=7)
    """Rows that stand refused, since they were refused last. What they should hold is then sent once more."""


HubSpotVersion = Literal["v3", "2026-03", "2026-09"]


class HubSpotSettings(Section):
    """One HubSpot portal."""

    base_url: Url = "https://api.hubapi.com"
    """Where HubSpot's API answers."""
    api_version: HubSpotVersion = "v3"
    """`v3` (v1 to v4, whichever serves a resource), `2026-03` or `2026-09`. Choose a dated one before September 2027,
    when v3 ends.
    """
    portal_id: int | None = None
    """The portal, pinned: another one is refused before anything is read."""
    access_token: Secret | None = None
    """Token of a service key or private app."""
    access_token_file: Path | None = None
    """A file that holds the token."""
    client_id: str | None = None
    """OAuth: the app's id, together with its secret and a refresh token."""
    client_secret: Secret | None = None
    """OAuth: the app's secret."""
    client_secret_file: Path | None = None
    """A file that holds the secret."""
    refresh_token: Secret | None = None
    """OAuth: the refresh token of the portal that installed the app."""
    refresh_token_file: Path | None = None
    """A file that holds the refresh token."""
    requests_per_10_s: int = Field(default=190, ge=1)
    """At most so many calls in ten seconds; when the portal's answers tell of a lower limit, that one holds."""
    searches_per_s: int = Field(default=5, ge=1)
    """At most so many searches a second; HubSpot counts them per account, all its apps together."""
    daily_share: float = Field(default=0.25, gt=0, le=1)
    """Of the account's daily API calls that Leadgrade may use."""
    line_items: Flag = True
    """Read the products of deals. Off: they are unknown."""
    email_events: Flag = True
    """Read marketing e-mail events. Off: counters on the contact are used."""
    forms: Flag = True
    """Read form submissions. Off: counters on the contact are used."""
    engagements: Flag = True
    """Read calls, e-mails, meetings, notes, tasks and communications."""
    web_events: Flag = False
    """Read page views one by one, where the plan has event occurrences (Enterprise); a call per contact who was
    active. Off: the counter on the contact is used.
    """
    settle_s: int = Field(default=60, ge=0)
    """Seconds that a change may take until searches find it."""
    look_back_s: int = Field(default=300, ge=0)
    """Seconds by which each incremental read overlaps the last."""


def _business_unit(text: str) -> str:
    if not text.startswith("0Uv") or len(text) not in {15, 18} or not text.isalnum():
        raise Misfit(
            "this is not the id of a business unit.", remedy="It stands in Setup under Business Unit Setup: 0Uv…"
        )
    return text


class AccountEngagementSettings(Section):
    """One business unit of Account Engagement (Pardot), read where this section is given."""

    business_unit_id: Annotated[str, AfterValidator(_business_unit)]
    """The Account Engagement (Pardot) business unit, `0Uv…`, whose visitor activities are read."""
    base_url: Url = "https://pi.pardot.com"
    """`https://pi.demo.pardot.com` for a sandbox's business unit."""
    daily_share: float = Field(default=0.25, gt=0, le=1)
    """Of the business unit's daily API calls that Leadgrade may use."""


class SalesforceSettings(Section):
    """One Salesforce organisation."""

    login_url: Url = "https://login.salesforce.com"
    """Your My Domain; client credentials are not offered at the default."""
    org_id: str | None = None
    """The org, pinned: another one is refused before anything is read. 15 or 18 characters."""
    auth: Literal["client_credentials", "jwt", "refresh_token"] = "client_credentials"
    """How to sign in: `client_credentials`, `jwt` or `refresh_token`."""
    client_id: str | None = None
    """Consumer key of the External Client App."""
    client_secret: Secret | None = None
    """Consumer secret of the External Client App."""
    client_secret_file: Path | None = None
    """A file that holds the secret."""
    username: str | None = None
    """For `jwt`: the integration user."""
    private_key_file: Path | None = None
    """For `jwt`: PEM file of the certificate's private key."""
    refresh_token_file: Path | None = None
    """For `refresh_token`: the file that holds the token, readable by its owner alone; rewritten whenever Salesforce
    replaces it.
    """
    api_version: Annotated[str, AfterValidator(_api_version)] = "67.0"
    """Version of Salesforce's API."""
    daily_share: float = Field(default=0.25, gt=0, le=1)
    """Of the org's daily API calls that Leadgrade may use."""
    formula_refresh_h: int = Field(default=24, ge=1)
    """Hours after which all rows are read anew, where a mapped field is a formula: those change without a trace."""
    bulk_above: int = Field(default=2000, ge=0)
    """Rows above which Bulk API 2.0 is used."""
    look_back_s: int = Field(default=600, ge=0)
    """Seconds by which each incremental read overlaps the last: late commits."""
    account_engagement: AccountEngagementSettings | None = None


class AttributeSetting(Section):
    """Where each CRM keeps one attribute that rules may use.

    `salesforce` is a field name for Lead and Contact alike, or a mapping by object (Lead, Contact, Account).
    """

    type: Literal["text", "number", "boolean", "date"] = "text"
    """`text`, `number`, `boolean` or `date`."""
    hubspot: str | None = None
    """The property that holds it; of the company when the name starts with `company.`."""
    salesforce: str | dict[Literal["Lead", "Contact", "Account"], str] | None = None
    """The field, or fields by object: `{Lead: Title, Contact: Title}`."""


class GuardSettings(Section):
    """What stops a run before it writes."""

    max_share: float = Field(default=0.2, gt=0, le=1)
    """Stop when a greater share of the people already rated would change rating or stage in one run."""
    max_people: int = Field(default=50_000, ge=1)
    """Stop when more people than so many would."""
    max_first_share: float = Field(default=0.5, gt=0, le=1)
    """Stop when a greater share of a CRM's records would be written for the first time: a first run."""
    max_lost_share: float = Field(default=0.1, gt=0, le=1)
    """Stop when a greater share of a CRM's records than this has gone within a day."""
    plan_max_age_h: int = Field(default=24, ge=1)
    """Hours after which a saved plan is not applied any more."""
    max_emptied_share: float = Field(default=0.5, gt=0, le=1)
    """Stop when a greater share of an attribute's values than this has gone within a day."""


class StageSettings(Section):
    """Writing the CRMs' own stage: HubSpot's lifecycle stage, the status of Salesforce's leads.

    `lifecycle_stage: true` is short for `enabled: true`. A stage of the model without an entry stands for the stage of
    the same name in the CRM, where there is one.
    """

    enabled: Flag = False
    """Also move the CRMs' own stage: HubSpot's lifecycle stage, the status of Salesforce's leads. `lifecycle_stage:
    true` for short.
    """
    backward: Flag = False
    """Also back, when a person leaves a stage that Leadgrade gave."""
    hubspot: dict[str, StageValue] = Field(default={})
    """The model's stage and the internal value of the portal's stage: `{salesqualifiedlead: 104562734}`; one without
    an entry stands for its namesake.
    """
    salesforce: dict[str, StageValue] = Field(default={})
    """The model's stage and the value of `Lead.Status`: `{lead: Open - Not Contacted}`."""

    @model_validator(mode="before")
    @classmethod
    def _from_switch(cls, value: object) -> object:
        return value if isinstance(value, dict | cls) else {"enabled": value}

    def named(self, crm: str) -> dict[str, str]:
        """The stages that the user named for `crm`."""
        return {"hubspot": self.hubspot, "salesforce": self.salesforce}[crm]


def share(value: object) -> object:
    """A part of a whole, written as 0.1 or as 10%; 0 to 1. Raises Misfit."""
    if isinstance(value, str):
        number, percent, rest = value.strip().partition("%")
        try:
            found = float(number) / (100 if percent else 1)
        except ValueError:
            found = 0.0
        if rest or not found:
            raise Misfit("this is not a share.", remedy="Write it as 10% or 0.1.")
        return found
    return value


class WriteSettings(Section):
    """What may be written."""

    enabled: Flag = True
    """Off: pull and score, write nothing."""
    min_change: int = Field(default=1, ge=1)
    """Points a score must move to be written."""
    rollout: Annotated[float, BeforeValidator(share)] = Field(default=1.0, gt=0, le=1)
    """Of the people who may be written to, as `10%` or `0.1`, always the same ones; the others keep what they have."""
    guard: GuardSettings = GuardSettings()
    lifecycle_stage: StageSettings = StageSettings()


class Settings(Section):
    """The whole of leadgrade.yaml. A CRM without a section is not used."""

    scoring: Path = Path("scoring.yaml")
    """The file of the model."""
    store: StoreSettings = StoreSettings()
    hubspot: HubSpotSettings | None = None
    salesforce: SalesforceSettings | None = None
    precedence: tuple[Literal["salesforce", "hubspot"], ...] = ("salesforce", "hubspot")
    """Whose value counts where both CRMs know an attribute; of a boolean, any `true`."""
    attributes: dict[str, AttributeSetting] = Field(default={})
    writes: WriteSettings = WriteSettings()
    retention: RetentionSettings = RetentionSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    health: HealthSettings = HealthSettings()
    alerts: AlertSettings = AlertSettings()

    @model_validator(mode="after")
    def _attributes_have_a_place(self) -> Self:
        for name, attribute in self.attributes.items():
            if name in COMPUTED:
                raise Misfit(
                    f"{name!r} is known of every person and cannot be mapped.",
                    loc=("attributes", name),
                    remedy="Choose another name.",
                )
            if crm_length(name) > NAME_LENGTH:
                raise Misfit(
                    f"an attribute's name of more than {NAME_LENGTH} characters does not fit the CRM's field.",
                    loc=("attributes", name),
                    remedy="Choose a shorter name.",
                )
            if name not in BUILT_IN and attribute.hubspot is None and not attribute.salesforce:
                raise Misfit(
                    f"{name!r} stands in neither CRM and would always be unknown.",
                    loc=("attributes", name),
                    remedy="Name the property under `hubspot:` or the field under `salesforce:`.",
                )
        return self

    @property
    def crms(self) -> tuple[str, ...]:
        """The CRMs in use."""
        return tuple(name for name in ("hubspot", "salesforce") if getattr(self, name) is not None)

    def secrets(self) -> list[str]:
        """Every secret value, for the last step of logging to strike out."""
        return [*_secrets_of(self), *self.store.secrets()]


def _secrets_of(section: Section) -> Iterator[str]:
    for _, value in section:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, Section):
            yield from _secrets_of(value)
