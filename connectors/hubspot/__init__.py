"""HubSpot behind the five verbs."""
