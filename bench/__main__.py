"""``python -m bench``: the same as ``python bench/run.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the scripts import one another by bare name

from run import main

main()
