"""Bytecode for the processes that tests start.

A suite of some hundred processes compiles torch and transformers in each of them where nobody may write bytecode beside
the sources (``PYTHONDONTWRITEBYTECODE``): it is kept in a folder of its own then. Importing this module does it.
"""

import os
import sys
import tempfile
from pathlib import Path

if sys.dont_write_bytecode:
    folder = Path(tempfile.gettempdir()) / f"cosmos-policy-bytecode-{os.getuid()}"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(folder)
    sys.dont_write_bytecode = False
