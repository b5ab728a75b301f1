"""A believable population for both CRMs: who they are, what they did, and who bought because of it."""

from sandbox.population.bare import fill_bare
from sandbox.population.fill import Filled, populate
from sandbox.population.trouble import demo_troubles

__all__ = ["Filled", "demo_troubles", "fill_bare", "populate"]
