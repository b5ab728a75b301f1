"""HubSpot: contacts, companies, deals and engagement in; scores out. `BEHAVIOR.md` lists the API's surprises."""
