"""See the package."""

import sys

from tools.charts.write import main

sys.exit(main(sys.argv[1:]))
