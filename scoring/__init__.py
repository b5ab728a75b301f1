"""The pure middle: facts + model + as-of time -> ledger -> scores -> grades -> stages.

No I/O and no CRM names. A DuckDB connection is handed in; nothing here opens a file or a socket.
"""
