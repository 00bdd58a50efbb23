"""Lets test modules of this folder import their helper modules (hostile.py) whatever the import mode."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
