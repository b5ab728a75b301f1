"""The columnar copy of the CRMs' facts: DuckDB, one file, rebuilt from the CRMs whenever it is lost.

store.py     opens the file for a batch and lets it go
tables.py    what stands in it
load.py      a batch and its cursor, in one transaction
activities.py, counters.py, removals.py   how those facts are stored
views.py     the relations the engine reads
outages.py   the days on which a source delivered nothing
plan.py      desired against observed
acknowledged.py  what the CRM acknowledged of the plan
summary.py   figures for the end-of-run record
"""
