"""What is sold, and what of it a deal holds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandbox.population.people import Person


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue: name, code, and its share among the main products of deals, in per cent."""

    name: str
    code: str
    share: int


PRODUCTS: Final = (
    Product("Scoring Suite", "LG-SUITE", 40),
    Product("Data Connector", "LG-CONNECT", 25),
    Product("Analytics Add-on", "LG-ANALYTICS", 20),
    Product("Onboarding", "LG-ONBOARD", 15),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a deal. Amounts are US dollars."""

    product: Product
    amount: float


def basket(person: Person, amount: float) -> list[Line]:
    """The lines of the person's deal: one to three different products, the main one first, which make up `amount`.

    Drawn from the person's number alone, so that the rest of a population is the same with and without lines.
    """
    rng = random.Random(person.number)
    main = rng.choices(PRODUCTS, [product.share for product in PRODUCTS])[0]
    others = rng.sample([product for product in PRODUCTS if product is not main], rng.choice((0, 0, 1, 2)))
    small = [Line(product, round(amount * rng.uniform(0.05, 0.15), 2)) for product in others]
    return [Line(main, round(amount - sum(line.amount for line in small), 2)), *small]
