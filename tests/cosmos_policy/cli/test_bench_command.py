"""``cosmos-policy bench`` on the built-in checkpoint, and what it says to wrong use."""

import json

import pytest
import typer
from typer.testing import CliRunner

from cosmos_policy.cli.bench import bench
from cosmos_policy.errors import UsageError

SHORT = ["--chunk-size", "4", "--tier", "256", "--steps", "2", "--text-tokens", "60"]
QUICK = [*SHORT, "--repeat", "2", "--device", "cpu"]


def run(*arguments: str):
    app = typer.Typer()
    app.command()(bench)
    return CliRunner().invoke(app, [*QUICK, *arguments])


def test_json_has_every_stage(single_thread):
    done = run("--calls", "policy,forward-dynamics", "--batch", "1,2", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(line["case"], line["measurement"]["batch"]) for line in told["lines"]] == [
        ("policy", 1),
        ("policy", 2),
        ("forward-dynamics", 1),
        ("forward-dynamics", 2),
    ]
    assert all(line["measurement"]["stages"]["step"]["p50"] > 0 for line in told["lines"])


def test_the_table_names_the_engines(single_thread):
    done = run("--compare", "diffusers", "--guidance", "3")
    assert done.exit_code == 0, done.output
    assert "native (cpu" in done.stdout and "Cosmos3OmniPipeline" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--random", "huge"], "nano, edge, super"),
        (["--random", "nano", "--checkpoint", "tiny"], "not both"),
        (["--calls", "dance"], "not dance"),
        (["--batch", "many"], "such as 1,4,16"),
        (["--compare", "vllm"], "diffusers only"),
        (["--repeat", "0"], "1 or more warm calls"),
    ],
)
def test_wrong_use_is_told(arguments, words):
    done = run(*arguments)
    assert isinstance(done.exception, UsageError)
    assert words in str(done.exception)
