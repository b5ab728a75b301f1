"""The small transactional book: runs, rejects, stages given, the lease, a copy of the cursors.

tables.py       what stands in it
database.py     SQLite and PostgreSQL: how they are opened, and what their failures mean
migrations.py   how an older one becomes today's
book.py         `Journal`: the questions and notes of a run; what they do is in the file of their topic
"""
