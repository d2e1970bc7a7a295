"""What is in ``deploy/``, and the options that ``cosmos-policy serve`` has."""

import sys
from pathlib import Path

import pytest
import typer
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cosmos_policy" / "server"))


@pytest.fixture(scope="session")
def deploy():
    return ROOT / "deploy"


@pytest.fixture(scope="session")
def read_all(deploy):
    """file of ``deploy/`` -> its YAML documents."""
    return lambda name: [document for document in yaml.safe_load_all((deploy / name).read_text()) if document]


@pytest.fixture(scope="session")
def serve_options():
    """Every option of the real command."""
    from cosmos_policy.cli.serve import serve

    app = typer.Typer()
    app.command()(serve)
    return {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
