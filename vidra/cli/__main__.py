"""`python -m vidra.cli`: the same as `vidra`."""

import sys

from vidra.cli import main

sys.exit(main())
