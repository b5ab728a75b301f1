"""Salesforce behind the five verbs."""
