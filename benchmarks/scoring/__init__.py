"""The engine beside the same work as hand-written SQL, as a plain Python loop, and beside a bare count."""
