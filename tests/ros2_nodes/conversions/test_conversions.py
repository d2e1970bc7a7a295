"""The conversions of messages, checked where there are messages: in a ROS."""

import subprocess
from pathlib import Path

CHECKS = Path(__file__).parent / "check_conversions.py"


def test_messages_become_records_and_back_without_torch(ros):
    done = subprocess.run(
        [ros.python, CHECKS], env=ros.variables(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == CHECKS.read_text().count("\ndef check_")
