"""The command's frame: finds the subcommands, and turns errors into one line and an exit code.

A subcommand is a typer function (or a ``typer.Typer`` of several) named by an entry point of the group
``cosmos_policy.commands``: other rooms, and other packages, add theirs without a change here.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import entry_points
from typing import NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from cosmos_policy.errors import Failure

GROUP = "cosmos_policy.commands"
OUR_PACKAGES = ("cosmos_policy", "embodiments", "ros2_nodes", "sim_eval")


#: Options that may stand without a value, and what they mean then.
WITHOUT_VALUE = {"--ray": "auto"}


class _Command(TyperCommand):
    """A subcommand some of whose options may stand alone."""

    def parse_args(self, ctx, args):
        spelled = []
        for place, word in enumerate(args):
            spelled.append(word)
            if word in WITHOUT_VALUE and (place + 1 == len(args) or args[place + 1].startswith("--")):
                spelled.append(WITHOUT_VALUE[word])
        return super().parse_args(ctx, spelled)


class _CommandsOnDemand(TyperGroup):
    """Knows the subcommands by name, and imports one when it is asked for."""

    def list_commands(self, ctx):
        return sorted(point.name for point in entry_points(group=GROUP))

    def get_command(self, ctx, cmd_name):
        for point in entry_points(group=GROUP, name=cmd_name):
            target = point.load()
            if isinstance(target, typer.Typer):
                command = typer.main.get_command(target)
            else:
                single = typer.Typer(add_completion=False)
                single.command(name=cmd_name, cls=_Command)(target)
                command = typer.main.get_command(single)
            command.name = cmd_name
            return command
        return None


app = typer.Typer(
    cls=_CommandsOnDemand,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Run NVIDIA Cosmos 3 world-action models on robots.",
)


@app.callback()
def _settings(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Other libraries' messages too."),
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr)
    for package in OUR_PACKAGES:  # which weights and which normaliser answer is always told
        logging.getLogger(package).setLevel(logging.INFO)


def run() -> None:
    """The entry point: exit code 0 on success, 2 on wrong use, 1 on failure; the reason is one line on stderr."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except Failure as error:
        _exit(str(error), 1)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error)
            sys.exit(2)
        if hasattr(error, "format_message"):  # typer's own words for wrong use; it keeps their class private
            _exit(f"{error.format_message()} (--help shows what there is)", 2)
        if isinstance(error, ValueError) and type(error).__module__.partition(".")[0] in OUR_PACKAGES:
            _exit(str(error), 2)
        raise


def _exit(reason: str, code: int) -> NoReturn:
    print(f"cosmos-policy: {' '.join(reason.split())}", file=sys.stderr)
    sys.exit(code)
