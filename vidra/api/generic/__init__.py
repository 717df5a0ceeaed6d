"""The generic face, `/api/v1`: any flow, its runs, and what happens, for any program."""
