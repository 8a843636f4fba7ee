"""`python -m muslin.cli` is `muslin`."""

import sys

from muslin.cli import main

sys.exit(main())
