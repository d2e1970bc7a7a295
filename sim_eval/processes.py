"""Worker processes that never outlive the one that started them."""

import multiprocessing
import os
import signal
import threading


def follow_the_first_process() -> None:
    """Called in a worker: it ends with the process that started it, however that ended. An orphan would write into a
    later run.

    Ctrl-C reaches every process of a terminal: workers end without a word, and the first process tells what to do.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def wait_and_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()
