"""Moves data: pull, mirror, identity, plan, apply, journal, backfill, daemon."""
