"""Record pages: what a person who works in the CRM would see of the synced fields."""
