"""What an object and a field are, and how describe tells it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sandbox.salesforce.ids import PREFIXES

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field as describe tells it.

    `type` is a describe type (``string``, ``picklist``, ``datetime`` ...). `computed` is set where the value is not
    kept but worked out from the row. `refers_to` names the objects a reference may point to, `relationship` the name
    of the parent path in SOQL.
    """

    name: str
    type: str = "string"
    length: int = 0
    label: str = ""
    updateable: bool = True
    createable: bool = True
    calculated: bool = False
    nillable: bool = True
    precision: int = 0
    scale: int = 0
    values: tuple[str, ...] = ()
    restricted: bool = False
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    computed: Callable[[Row], Any] | None = None
    custom: bool = False
    default: Any = None

    @property
    def filterable(self) -> bool:
        """Long texts and compounds cannot stand in WHERE."""
        return self.type not in {"address", "location", "textarea"}

    def describe(self) -> dict[str, Any]:
        """The field's entry in a describe answer."""
        return {
            "name": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "length": self.length,
            "byteLength": self.length * 3,
            "precision": self.precision,
            "scale": self.scale,
            "digits": self.precision if self.type == "int" else 0,
            "nillable": self.nillable,
            "createable": self.createable,
            "updateable": self.updateable,
            "calculated": self.calculated,
            "custom": self.custom,
            "unique": False,
            "externalId": False,
            "autoNumber": False,
            "nameField": self.name in {"Name", "Subject"},
            "idLookup": self.name == "Id",
            "filterable": self.filterable,
            "sortable": self.filterable,
            "groupable": self.filterable,
            "aggregatable": self.filterable,
            "defaultedOnCreate": self.type == "boolean" or self.name in {"Id", "OwnerId"},
            "defaultValue": self.default,
            "deprecatedAndHidden": False,
            "restrictedPicklist": self.restricted,
            "dependentPicklist": False,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
                for value in self.values
            ],
            "referenceTo": list(self.refers_to),
            "relationshipName": self.relationship,
            "polymorphicForeignKey": len(self.refers_to) > 1,
            "compoundFieldName": self.compound,
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
        }


_SOAP_TYPES: Final = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


@dataclass(slots=True)
class SObject:
    """One object: its fields by name in describe's order, and what may be done with it."""

    name: str
    label_plural: str
    fields: dict[str, Field] = field(default_factory=dict)
    relationships: dict[str, Field] = field(default_factory=dict)
    lower: dict[str, str] = field(default_factory=dict)  # lower-case name -> name: SOQL and REST ignore case
    updateable: bool = True
    setup: bool = False  # set-up objects do not run data rules and are not replicated
    forgets: bool = False  # no query shows its deleted rows; only the list of deleted ids does
    holds: Callable[[Row], bool] | None = None  # which rows are its own, where it shares them with another object

    def add(self, new: Field) -> None:
        """Add or replace a field."""
        self.fields[new.name] = new
        self.lower[new.name.lower()] = new.name
        if new.relationship:
            self.relationships[new.relationship.lower()] = new

    def summary(self, version: str) -> dict[str, Any]:
        """The object's entry in the list of all objects."""
        base = f"/services/data/v{version}/sobjects/{self.name}"
        return {
            "name": self.name,
            "label": self.name,
            "labelPlural": self.label_plural,
            "keyPrefix": PREFIXES.get(self.name),
            "custom": False,
            "createable": self.updateable,
            "updateable": self.updateable,
            "deletable": self.updateable,
            "undeletable": not self.setup,
            "queryable": True,
            "replicateable": not self.setup,
            "retrieveable": True,
            "searchable": not self.setup,
            "mergeable": self.name in {"Lead", "Contact", "Account"},
            "deprecatedAndHidden": False,
            "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
        }


def text(name: str, length: int, **more: Any) -> Field:
    """A text field."""
    return Field(name, "string", length, **more)


def pick(name: str, *values: str, **more: Any) -> Field:
    """A picklist; unrestricted unless told."""
    return Field(name, "picklist", more.pop("length", 255), values=values, **more)


def flag(name: str, **more: Any) -> Field:
    """A checkbox."""
    return Field(name, "boolean", nillable=False, default=False, **more)


def ref(name: str, *refers_to: str, relationship: str | None = None, **more: Any) -> Field:
    """A reference; `Xid` has the parent path `X` unless told otherwise."""
    return Field(
        name,
        "reference",
        18,
        refers_to=refers_to,
        relationship=relationship or name.removesuffix("Id"),
        **more,
    )


def kept(plain: Field) -> Field:
    """A field that only the system writes."""
    return replace(plain, updateable=False, createable=False)


def address(prefix: str, name: str, *, street: int = 255) -> list[Field]:
    """A compound address and its parts; bulk queries refuse the compound."""
    parts = {"Street": street, "City": 40, "State": 80, "PostalCode": 20, "Country": 80}
    keys = {part[0].lower() + part[1:]: prefix + part for part in parts}

    def compound(row: Row) -> dict[str, Any] | None:
        values = {key: row.get(column) for key, column in keys.items()}
        return values | {"geocodeAccuracy": None, "latitude": None, "longitude": None} if any(values.values()) else None

    fields = [
        Field(prefix + part, "textarea" if part == "Street" else "string", length, compound=name)
        for part, length in parts.items()
    ]
    return [*fields, kept(Field(name, "address", computed=compound))]


def system_fields(*, owner: bool = True) -> list[Field]:
    """The fields almost every object has."""
    fields = [
        kept(Field("Id", "id", 18, nillable=False)),
        kept(flag("IsDeleted")),
        kept(Field("CreatedDate", "datetime", nillable=False)),
        kept(ref("CreatedById", "User", relationship="CreatedBy", nillable=False)),
        kept(Field("LastModifiedDate", "datetime", nillable=False)),
        kept(ref("LastModifiedById", "User", relationship="LastModifiedBy", nillable=False)),
        kept(Field("SystemModstamp", "datetime", nillable=False)),
    ]
    if owner:
        fields.insert(2, ref("OwnerId", "User", relationship="Owner", nillable=False))
    return fields


def sobject(name: str, plural: str, fields: list[Field], *, setup: bool = False, updateable: bool = True) -> SObject:
    """An object from its fields."""
    made = SObject(name, plural, setup=setup, updateable=updateable)
    for each in fields:
        made.add(each)
    return made
