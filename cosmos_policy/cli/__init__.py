"""The command ``cosmos-policy``. Each subcommand is a function that an entry point names."""
