"""A message's class by its name in a contract."""

from __future__ import annotations

from importlib import import_module

from cosmos_policy.errors import UsageError


def message_class(name: str) -> type:
    """The class of "package/msg/Type" (or action, srv); :class:`UsageError` where its package is not installed."""
    package, kind, member = name.split("/")
    try:
        return getattr(import_module(f"{package}.{kind}"), member)
    except (ImportError, AttributeError):
        raise UsageError(
            f"{name} is not installed: apt install ros-$ROS_DISTRO-{package.replace('_', '-')} (and source it)."
        ) from None
