"""Bringing robosuite in: the OpenGL library chosen before MuJoCo loads, and the chatter of its import left out."""

import ctypes
import importlib
import logging
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType

from cosmos_policy.errors import Failure

# Said on every import of robosuite 1.5.2, about options that nothing here uses. All else that it logs is passed on.
_IMPORT_CHATTER = (
    "No private macro file found!",
    "It is recommended to use a private macro file",
    "To setup, run: python ",
    "Could not import robosuite_models.",
    "Could not load the mink-based whole-body IK.",
)
_GRAPHICS_DEVICES = ("/dev/nvidia0", "/dev/dri/renderD128")


def import_robosuite() -> ModuleType:
    """robosuite, with ``MUJOCO_GL`` set first (see :func:`select_gl_backend`).

    Raises:
        Failure: robosuite or the OpenGL library is not installed.
    """
    select_gl_backend()
    logger = logging.getLogger("robosuite_logs")
    logger.addFilter(_is_not_import_chatter)
    try:
        with warnings.catch_warnings():
            # robosuite's banner holds a backslash that Python 3.12 compiles with a warning, once.
            warnings.filterwarnings("ignore", message="invalid escape sequence", category=SyntaxWarning)
            return importlib.import_module("robosuite")
    except ModuleNotFoundError as error:
        raise Failure(
            f"the simulator needs the package {error.name!r}, which is not installed: "
            "install cosmos-policy with its extra 'simulation'"
        ) from error
    finally:
        logger.removeFilter(_is_not_import_chatter)


def select_gl_backend() -> str:
    """Sets and returns ``MUJOCO_GL``: what the environment says, else ``egl`` with a GPU, else ``osmesa``.

    Only Linux needs a choice: elsewhere MuJoCo has one way to render, and the variable is left as it is. Without a GPU
    OSMesa is preferred to Mesa's software EGL, because it needs no display platform.

    Raises:
        Failure: Linux, and neither libEGL nor libOSMesa can be loaded.
    """
    chosen = os.environ.get("MUJOCO_GL", "")
    if chosen or sys.platform != "linux":
        return chosen
    has_gpu = any(Path(device).exists() for device in _GRAPHICS_DEVICES)
    libraries = {"egl": ("libEGL.so.1",), "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")}
    for backend in ("egl", "osmesa") if has_gpu else ("osmesa", "egl"):
        if any(_loads(library) for library in libraries[backend]):
            os.environ["MUJOCO_GL"] = backend
            return backend
    raise Failure(
        "no OpenGL library to render with: neither libOSMesa (software) nor libEGL (GPU) is installed; "
        "install one (Debian and Ubuntu: apt-get install libosmesa6) and start again"
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _is_not_import_chatter(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_IMPORT_CHATTER)
