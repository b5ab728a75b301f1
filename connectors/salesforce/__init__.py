"""The Salesforce connector: `connector.Salesforce` behind the five verbs, everything else behind it."""
