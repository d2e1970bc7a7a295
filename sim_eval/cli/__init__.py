"""Subcommands of ``cosmos-policy`` that evaluate."""
