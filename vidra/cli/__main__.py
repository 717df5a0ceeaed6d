"""`python -m vidra.cli`: the same as `vidra`."""

from vidra.cli.process import run

run()
