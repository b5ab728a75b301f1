"""The random models reach everything a model can say; otherwise the comparison with the oracle would prove little."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from config import model_conditions
from config.attributes import COMPUTED
from config.model_condition_checks import ACTIVITY_ATTRIBUTES
from config.model_conditions import When
from config.model_values import Part
from tests.scoring.strategies import ATTRIBUTES, models
from tests.scoring.strategies_special import special_sections
from tests.scoring.test_oracle import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = ATTRIBUTES | COMPUTED | ACTIVITY_ATTRIBUTES
NOT_SCORED = {"Example", "ExampleDeal", "ExampleActivity", "Expected", "ExpectedNumber"}


def parts(value: Any) -> Iterator[Part]:
    """`value` and every part of the model inside it."""
    if isinstance(value, Part):
        yield value
        inner: Any = [getattr(value, name) for name in type(value).model_fields]
        yield from parts([*inner, *(value.tests.values() if isinstance(value, When) else ())])
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from parts(item)


def subclasses(base: type[Part]) -> set[type[Part]]:
    return {base, *(each for direct in base.__subclasses__() for each in subclasses(direct))}


@pytest.mark.slow
def test_every_key_and_every_operator_of_every_type_occurs() -> None:
    written: dict[str, set[str]] = defaultdict(set)
    operators: dict[str, set[str]] = defaultdict(set)

    seldom = settings(
        max_examples=100,
        derandomize=True,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    @settings(seldom, max_examples=600)
    @given(data=models())
    def look(data: dict[str, Any]) -> None:
        for part in parts(model_of(data)):
            written[type(part).__name__] |= part.model_fields_set - {"examples"}
            if isinstance(part, When):
                for name, tests in part.tests.items():
                    operators[TYPES[name]] |= {operator for operator, _ in tests.written()}

    @settings(seldom, max_examples=200)
    @given(data=special_sections())
    def look_at_special(data: dict[str, Any]) -> None:
        for part in parts(model_of({"model": "special", **data})):
            written[type(part).__name__] |= part.model_fields_set

    look()
    look_at_special()
    sections = subclasses(Part) - {Part, model_conditions.Tests, When}
    missing = {
        part.__name__: keys
        for part in sections
        if part.__module__.startswith("config.") and part.__name__ not in NOT_SCORED
        if (keys := set(part.model_fields) - written[part.__name__] - {"examples"})
    }
    assert missing == {}
    assert {"all", "any", "not_"} <= written["When"]
    assert written["Tests"] == set(model_conditions.OPERATORS.values())
    always = {"known", "unknown"}
    assert operators == {kind: taken | always for kind, taken in model_conditions.OPERATORS_BY_TYPE.items()}
