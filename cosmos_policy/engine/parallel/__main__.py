"""``python -m cosmos_policy.engine.parallel OPTIONS``: one of a model's processes. Started by the first one, never by
hand."""

import json
import logging
import signal
import sys

from cosmos_policy.engine.parallel.launch import join

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the first process decides
    logging.basicConfig(level=logging.INFO)
    join(json.loads(sys.argv[1]))
