"""Salesforce on loopback: the REST, Bulk 2.0, tooling and OAuth surfaces that a scoring connector meets.

`org` holds the records, `app` serves them. Everything a caller can see follows the public behaviour of API versions
31.0 to 68.0 as of 2026; nothing is imported from the rest of the house but `sandbox.core`.
"""
