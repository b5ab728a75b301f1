"""One folder per CRM behind one small protocol (`connectors.base.Connector`)."""
