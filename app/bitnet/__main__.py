"""``python -m bitnet`` is the command ``bitnet``."""

import sys

from bitnet.cli import main

sys.exit(main())
