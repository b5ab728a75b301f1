"""Which fields a model writes, and that what it does not use does not change its version."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from config.model import Model
from config.vocabulary import EXTRA_FIELDS
from scoring.facts import ALSO_WRITE, BASIC_FIELDS, OUTPUT_FIELDS, OutputField, fields_of
from tests.scoring.test_oracle import model_of


def model(**sections: Any) -> Model:
    return model_of({"model": "fields", **sections})


def test_a_plain_model_writes_the_basic_fields() -> None:
    assert fields_of(model()) == BASIC_FIELDS
    assert "rating" in {field.name for field in BASIC_FIELDS}


def test_what_a_model_asks_for_by_name_is_written_too() -> None:
    written = {field.name for field in fields_of(model(also_write=["data_confidence"]))}
    assert written == {field.name for field in BASIC_FIELDS} | {"data_confidence"}
    assert tuple(field.name for field in OUTPUT_FIELDS if field.section == ALSO_WRITE) == EXTRA_FIELDS


@pytest.mark.parametrize("field", OUTPUT_FIELDS, ids=lambda field: field.name)
def test_a_field_of_a_section_names_one_that_a_model_can_have(field: OutputField) -> None:
    part: Any = Model
    for key in field.section.split(".") if field.section not in {"", ALSO_WRITE} else ():
        inner = part.model_fields[key].annotation
        part = next((kind for kind in (inner, *getattr(inner, "__args__", ())) if _is_part(kind)), None)


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_a_default_written_out_or_another_field_leaves_the_version_as_it_was() -> None:
    assert model().version == model(also_write=["data_confidence"]).version
    assert model().version == model(engagement={"decay": "none"}).version
    assert model().version != model(engagement={"decay": {"half_life": "30d"}}).version
