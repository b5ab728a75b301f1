"""The pages of the words that a model may use, and of the fields that it writes."""

from __future__ import annotations

from config.attributes import BUILT_IN, COMPUTED
from config.model import preset_list, preset_lists
from config.vocabulary import ACTIVITY_TYPES, DERIVED
from connectors.hubspot import fields as hubspot
from connectors.salesforce import fields as salesforce
from docs.generator.markdown import code, page, table
from scoring.facts import ALSO_WRITE, OUTPUT_FIELDS, OutputField

ATTRIBUTES = """\
These are known without a mapping, read from the standard field of each CRM. An `attributes:` section in the
[settings](settings.md) moves them to other fields and adds your own.
"""

ACTIVITIES = """\
One vocabulary for both CRMs. A rule may also name `custom:<name>`, for events of your own that a CRM tells.
"""

FIELDS = """\
`leadgrade provision` creates those that your model writes: in HubSpot as contact properties of the group *Lead
scoring*, in Salesforce as custom fields of Lead and Contact. One that "rides along" is written only together with
another change, or when it is empty or its day has passed.
"""


def attributes() -> str:
    """Every built-in attribute, with its type and where each CRM keeps it."""
    rows = [(code(name), kind, "known of every person", "known of every person") for name, kind in COMPUTED.items()]
    for name, kind in BUILT_IN.items():
        places = [f"{sobject}.{field}" for sobject, field in salesforce.DEFAULTS.get(name, {}).items()]
        rows.append((code(name), kind, code(hubspot.DEFAULTS.get(name, "")), ", ".join(map(code, places))))
    return page("Attributes", ATTRIBUTES, table(("attribute", "type", "HubSpot property", "Salesforce field"), rows))


def activities() -> str:
    """Every activity type, and every list that comes with Leadgrade."""
    told = ", ".join(code(name) for name in sorted(ACTIVITY_TYPES - DERIVED))
    derived = ", ".join(code(name) for name in sorted(DERIVED))
    lists = table(
        ("list", "entries", "such as"),
        [
            (code(name), str(len(values)), ", ".join(map(code, values[:3])))
            for name in preset_lists()
            for values in (preset_list(name),)
        ],
    )
    return page(
        "Activity types and lists",
        "## Activity types",
        ACTIVITIES,
        f"Told by a CRM: {told}.",
        f"Made of others by the engine: {derived}.",
        "## Lists that come with Leadgrade",
        "A model takes one with `lists: {NAME: preset}`.",
        lists,
    )


def output_fields() -> str:
    """Every field that a model may write."""
    rows = [
        (
            each.label,
            code(hubspot.property_of(each.name)),
            code(salesforce.WRITTEN[each.name]),
            _values(each),
            _written(each),
            each.description,
        )
        for each in OUTPUT_FIELDS
    ]
    head = ("field", "HubSpot", "Salesforce", "values", "written", "meaning")
    return page("Fields that are written", FIELDS, table(head, rows))


def _values(field: OutputField) -> str:
    if field.choices:
        return ", ".join(map(code, field.choices))
    return f"text, at most {field.length}" if field.type == "text" else field.type


def _written(field: OutputField) -> str:
    needs = {"": "always", ALSO_WRITE: f"with `also_write: [{field.name}]`"}
    when = needs.get(field.section, f"with `{field.section}`")
    return f"{when}, rides along" if field.rider else when
