"""Fills the sandbox from a real lead list: a CSV file and a mapping that says what its columns mean."""

from sandbox.leadlist.fill import Filled, fill
from sandbox.leadlist.table import LeadListProblem

__all__ = ["Filled", "LeadListProblem", "fill"]
