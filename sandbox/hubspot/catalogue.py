"""The properties and groups a new portal has.

Names and types follow a recorded portal's definitions (B); a portal of higher tier has hundreds more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.hubspot.options import (
    BOUNCE_REASONS,
    CALL_STATUSES,
    CHANNELS,
    COMPANY_TYPES,
    DEAL_TYPES,
    EMAIL_DIRECTIONS,
    EMAIL_STATUSES,
    INDUSTRIES,
    LEAD_STATUSES,
    LEGAL_BASES,
    LIFECYCLE_STAGES,
    MEETING_OUTCOMES,
    PRIORITIES,
    SOURCES,
    TASK_STATUSES,
    TASK_TYPES,
)
from sandbox.hubspot.records import ENGAGEMENTS, SINGULAR

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Family:
    """Properties of one group and kind."""

    group: str
    kind: str
    names: str
    read_only: bool = False
    options: Mapping[str, str] | None = None  # value -> label
    external_options: bool = False  # the options are kept elsewhere: stages, owners


GROUPS: Final = {
    "contacts": {
        "contactinformation": "Contact information",
        "analyticsinformation": "Web analytics history",
        "emailinformation": "Email information",
        "conversioninformation": "Conversion information",
        "sales_properties": "Sales properties",
        "contactlcs": "Contact lifecycle stage properties",
        "salesforceinformation": "Salesforce information",
    },
    "companies": {"companyinformation": "Company information", "salesforceinformation": "Salesforce information"},
    "deals": {"dealinformation": "Deal information"},
    "line_items": {"lineiteminformation": "Line item information"},
    **{kind: {SINGULAR[kind]: f"{SINGULAR[kind].capitalize()} information"} for kind in ENGAGEMENTS},
}

_STAGES: Final = tuple(LIFECYCLE_STAGES)
_STAGE_TIMES: Final = " ".join(f"hs_v2_date_{way}_{stage}" for stage in _STAGES for way in ("entered", "exited"))
_STAGE_SPANS: Final = " ".join(
    f"hs_v2_{what}_{stage}" for stage in _STAGES for what in ("cumulative_time_in", "latest_time_in")
)

_CONTACTS: Final = (
    Family(
        "contactinformation",
        "text",
        "firstname lastname email jobtitle company website address city state zip country industry "
        "salutation seniority degree field_of_study school job_function twitterhandle linkedinbio "
        "work_email message hs_language hs_timezone hs_persona ip_city ip_country",
    ),
    Family("contactinformation", "phone", "phone mobilephone fax"),
    Family("contactinformation", "text", "numemployees annualrevenue hs_additional_emails"),
    Family(
        "contactinformation",
        "datetime",
        "createdate lastmodifieddate hs_lastmodifieddate hs_createdate",
        read_only=True,
    ),
    Family("contactinformation", "id", "hs_object_id associatedcompanyid", read_only=True),
    Family(
        "contactinformation",
        "text",
        "hs_merged_object_ids hs_calculated_merged_vids hs_email_domain hs_object_source hs_object_source_label",
        read_only=True,
    ),
    Family("contactinformation", "checkbox", "hs_legal_basis", options=LEGAL_BASES),
    Family(
        "analyticsinformation",
        "number",
        "hs_analytics_num_page_views hs_analytics_num_visits hs_analytics_num_event_completions "
        "hs_analytics_average_page_views hs_analytics_revenue hs_social_facebook_clicks "
        "hs_social_linkedin_clicks hs_social_twitter_clicks hs_social_num_broadcast_clicks",
        read_only=True,
    ),
    Family(
        "analyticsinformation",
        "datetime",
        "hs_analytics_first_timestamp hs_analytics_last_timestamp "
        "hs_analytics_first_visit_timestamp hs_analytics_last_visit_timestamp "
        "hs_latest_source_timestamp",
        read_only=True,
    ),
    Family(
        "analyticsinformation",
        "text",
        "hs_analytics_source_data_1 hs_analytics_source_data_2 hs_analytics_first_url "
        "hs_analytics_last_url hs_analytics_first_referrer hs_analytics_last_referrer "
        "hs_latest_source_data_1 hs_latest_source_data_2",
        read_only=True,
    ),
    Family("analyticsinformation", "select", "hs_analytics_source", options=SOURCES),
    Family("analyticsinformation", "select", "hs_latest_source", read_only=True, options=SOURCES),
    Family(
        "emailinformation",
        "number",
        "hs_email_open hs_email_click hs_email_delivered hs_email_bounce hs_email_replied "
        "hs_email_sends_since_last_engagement",
        read_only=True,
    ),
    Family(
        "emailinformation",
        "datetime",
        "hs_email_first_send_date hs_email_last_send_date hs_email_first_open_date "
        "hs_email_last_open_date hs_email_first_click_date hs_email_last_click_date "
        "hs_email_first_reply_date hs_email_last_reply_date",
        read_only=True,
    ),
    Family("emailinformation", "text", "hs_email_last_email_name hs_email_optimal_send_day_of_week", read_only=True),
    Family(
        "emailinformation",
        "bool",
        "hs_email_optout hs_email_optout_1 hs_email_quarantined hs_email_bad_address hs_email_is_ineligible",
        read_only=True,
    ),
    Family("emailinformation", "select", "hs_email_hard_bounce_reason_enum", read_only=True, options=BOUNCE_REASONS),
    Family("conversioninformation", "datetime", "first_conversion_date recent_conversion_date", read_only=True),
    Family("conversioninformation", "text", "first_conversion_event_name recent_conversion_event_name", read_only=True),
    Family("conversioninformation", "number", "num_conversion_events num_unique_conversion_events", read_only=True),
    Family(
        "sales_properties",
        "datetime",
        "notes_last_contacted notes_last_updated notes_next_activity_date "
        "hs_last_sales_activity_timestamp hs_sales_email_last_opened hs_sales_email_last_clicked "
        "hs_sales_email_last_replied engagements_last_meeting_booked hs_latest_meeting_activity "
        "hubspot_owner_assigneddate",
        read_only=True,
    ),
    Family("sales_properties", "number", "num_notes num_contacted_notes", read_only=True),
    Family(
        "sales_properties", "text", "hs_last_sales_activity_type engagements_last_meeting_booked_source", read_only=True
    ),
    Family("sales_properties", "select", "hubspot_owner_id", external_options=True),
    Family("sales_properties", "rollup", "num_associated_deals"),
    Family("sales_properties", "score", "hubspotscore"),
    Family("sales_properties", "number", "hs_predictivecontactscore_v2", read_only=True),
    Family(
        "sales_properties",
        "select",
        "hs_predictivescoringtier",
        read_only=True,
        options={f"tier_{n}": f"Tier {n}" for n in range(1, 5)},
    ),
    Family("contactlcs", "radio", "lifecyclestage", options=LIFECYCLE_STAGES, external_options=True),
    Family("contactlcs", "radio", "hs_lead_status", options=LEAD_STATUSES),
    Family("contactlcs", "text", "hs_pipeline"),
    Family("contactlcs", "datetime", _STAGE_TIMES, read_only=True),
    Family("contactlcs", "equation", _STAGE_SPANS),
    Family(
        "salesforceinformation",
        "text",
        "salesforceleadid salesforcecontactid salesforceaccountid salesforceopportunitystage "
        "salesforceownername salesforceowneremail",
    ),
    Family("salesforceinformation", "datetime", "salesforcelastsynctime", read_only=True),
    Family("salesforceinformation", "bool", "salesforcedeleted"),
)
_COMPANIES: Final = (
    Family(
        "companyinformation",
        "text",
        "name domain website address city state zip country timezone founded_year "
        "linkedin_company_page twitterhandle web_technologies",
    ),
    Family("companyinformation", "area", "description about_us"),
    Family("companyinformation", "phone", "phone"),
    Family("companyinformation", "select", "industry", options=INDUSTRIES),
    Family("companyinformation", "select", "type", options=COMPANY_TYPES),
    Family("companyinformation", "number", "numberofemployees annualrevenue total_money_raised"),
    Family("companyinformation", "bool", "is_public hs_is_target_account"),
    Family("companyinformation", "datetime", "createdate hs_lastmodifieddate", read_only=True),
    Family("companyinformation", "id", "hs_object_id hs_parent_company_id", read_only=True),
    Family("companyinformation", "text", "hs_merged_object_ids hs_object_source", read_only=True),
    Family(
        "companyinformation",
        "number",
        "hs_analytics_num_page_views hs_analytics_num_visits num_conversion_events",
        read_only=True,
    ),
    Family("companyinformation", "rollup", "num_associated_contacts num_associated_deals"),
    Family("companyinformation", "select", "hubspot_owner_id", external_options=True),
    Family("companyinformation", "radio", "lifecyclestage", options=LIFECYCLE_STAGES, external_options=True),
    Family("companyinformation", "radio", "hs_lead_status", options=LEAD_STATUSES),
    Family("salesforceinformation", "text", "salesforceaccountid"),
    Family("salesforceinformation", "datetime", "salesforcelastsynctime", read_only=True),
)
_DEALS: Final = (
    Family("dealinformation", "text", "dealname closed_lost_reason closed_won_reason hs_next_step"),
    Family("dealinformation", "area", "description"),
    Family("dealinformation", "number", "amount"),
    Family("dealinformation", "select", "dealstage pipeline deal_currency_code", external_options=True),
    Family("dealinformation", "radio", "dealtype", options=DEAL_TYPES),
    Family("dealinformation", "select", "hs_priority", options=PRIORITIES),
    Family("dealinformation", "datetime", "closedate"),
    Family("dealinformation", "datetime", "createdate hs_lastmodifieddate hs_closed_won_date", read_only=True),
    Family("dealinformation", "id", "hs_object_id", read_only=True),
    Family("dealinformation", "text", "hs_merged_object_ids hs_object_source", read_only=True),
    Family("dealinformation", "flag", "hs_is_closed hs_is_closed_won hs_is_closed_lost"),
    Family(
        "dealinformation",
        "equation",
        "amount_in_home_currency hs_projected_amount hs_deal_stage_probability days_to_close",
    ),
    Family("dealinformation", "rollup", "num_associated_contacts"),
    Family("dealinformation", "select", "hubspot_owner_id", external_options=True),
    Family("dealinformation", "text", "hs_salesforceopportunityid"),
)

_LINE_ITEMS: Final = (
    Family("lineiteminformation", "text", "name hs_sku description hs_product_id hs_line_item_currency_code"),
    Family("lineiteminformation", "number", "price quantity discount"),
    Family("lineiteminformation", "equation", "amount hs_total_discount hs_tcv hs_acv"),
    Family("lineiteminformation", "datetime", "createdate hs_lastmodifieddate", read_only=True),
    Family("lineiteminformation", "id", "hs_object_id", read_only=True),
    Family("lineiteminformation", "text", "hs_merged_object_ids hs_object_source", read_only=True),
)


def _engagement(group: str, *own: Family) -> tuple[Family, ...]:
    return (
        Family(group, "datetime", "hs_timestamp"),
        Family(group, "datetime", "hs_createdate hs_lastmodifieddate", read_only=True),
        Family(group, "id", "hs_object_id", read_only=True),
        Family(group, "text", "hs_object_source", read_only=True),
        Family(group, "select", "hubspot_owner_id", external_options=True),
        *own,
    )


FAMILIES: Final[dict[str, tuple[Family, ...]]] = {
    "contacts": _CONTACTS,
    "companies": _COMPANIES,
    "deals": _DEALS,
    "line_items": _LINE_ITEMS,
    "calls": _engagement(
        "call",
        Family("call", "text", "hs_call_title hs_call_disposition hs_call_from_number hs_call_to_number"),
        Family("call", "html", "hs_call_body"),
        Family("call", "number", "hs_call_duration"),
        Family("call", "select", "hs_call_direction", options={"INBOUND": "Inbound", "OUTBOUND": "Outbound"}),
        Family("call", "select", "hs_call_status", options=CALL_STATUSES),
    ),
    "emails": _engagement(
        "email",
        Family("email", "text", "hs_email_subject hs_email_headers hs_email_from_email hs_email_to_email"),
        Family("email", "area", "hs_email_text"),
        Family("email", "html", "hs_email_html"),
        Family("email", "number", "hs_email_open_count hs_email_click_count hs_email_reply_count", read_only=True),
        Family("email", "select", "hs_email_direction", options=EMAIL_DIRECTIONS),
        Family("email", "select", "hs_email_status", options=EMAIL_STATUSES),
    ),
    "meetings": _engagement(
        "meeting",
        Family("meeting", "text", "hs_meeting_title hs_meeting_location hs_meeting_external_url"),
        Family("meeting", "html", "hs_meeting_body hs_internal_meeting_notes"),
        Family("meeting", "datetime", "hs_meeting_start_time hs_meeting_end_time"),
        Family("meeting", "select", "hs_meeting_outcome", options=MEETING_OUTCOMES),
    ),
    "notes": _engagement("note", Family("note", "html", "hs_note_body"), Family("note", "text", "hs_attachment_ids")),
    "tasks": _engagement(
        "task",
        Family("task", "text", "hs_task_subject"),
        Family("task", "html", "hs_task_body"),
        Family("task", "select", "hs_task_status", options=TASK_STATUSES),
        Family("task", "select", "hs_task_type", options=TASK_TYPES),
        Family("task", "select", "hs_task_priority", options=PRIORITIES),
        Family("task", "datetime", "hs_task_completion_date", read_only=True),
    ),
    "communications": _engagement(
        "communication",
        Family("communication", "select", "hs_communication_channel_type", options=CHANNELS),
        Family("communication", "text", "hs_communication_logged_from"),
        Family("communication", "html", "hs_communication_body"),
    ),
}
