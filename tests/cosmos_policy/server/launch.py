"""Runs a server with the scripted model: ``python launch.py '{"embodiment": ..., "settings": ...}'``."""

import dataclasses
import json
import sys
from pathlib import Path

from cosmos_policy.server.settings import Limits, ModelSource, Scheduling, Security, ServerSettings
from cosmos_policy.server.transport.run import serve

GROUPS = {"limits": Limits, "scheduling": Scheduling, "security": Security}
PATHS = ("tls_certificate", "tls_key", "media_folder")


def settings_of(told: dict) -> ServerSettings:
    model = ModelSource(f"scripted_model:{told.pop('loader', 'load')}", told.pop("options", {}))
    for name, kind in GROUPS.items():
        values = told.pop(name, {})
        told[name] = kind(**{key: Path(value) if key in PATHS else value for key, value in values.items()})
    return dataclasses.replace(ServerSettings(model, "droid_joint", port=0), **told)


if __name__ == "__main__":
    serve(settings_of(json.loads(sys.argv[1])))
