"""Commands typed in this process."""

import sys

import pytest

from cosmos_policy.cli.main import run


@pytest.fixture
def command(monkeypatch, capsys, single_thread):
    """Type a command in this process: (exit code, stdout, stderr)."""

    def type_in(*arguments):
        monkeypatch.setattr(sys, "argv", ["cosmos-policy", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            run()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return type_in
