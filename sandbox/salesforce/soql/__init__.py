"""A subset of SOQL; what is outside it is refused as Salesforce refuses what it cannot read."""
