"""HubSpot and Salesforce on your laptop: real HTTP servers for the demo, the tests and the docs.

Derived from the vendors' documentation, never from our connectors; it imports nothing of the rest of the house.
"""
