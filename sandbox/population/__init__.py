"""A believable population for both CRMs: who they are, what they did, and who bought because of it."""
