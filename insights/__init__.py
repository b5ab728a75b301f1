"""Reads only: explain, status and reports."""
