"""Bringing robosuite in: the OpenGL library chosen before MuJoCo loads, and the chatter of its import left out."""

import ctypes
import glob
import importlib
import logging
import os
import sys
import warnings
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
_INSTALL_OSMESA = "install libOSMesa (Debian and Ubuntu: apt-get install libosmesa6) and start again"
_GRAPHICS_DEVICES = ("/dev/nvidia[0-9]*", "/dev/dri/renderD*")  # a container may have been given any one of them


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
        Failure: Linux, and there is neither libOSMesa nor a libEGL with a device; or osmesa is asked for and not there.
    """
    chosen = os.environ.get("MUJOCO_GL", "")
    if chosen == "osmesa" and not _osmesa_loads():
        raise Failure(f"MUJOCO_GL is osmesa, but libOSMesa is not installed; {_INSTALL_OSMESA}")
    if chosen or sys.platform != "linux":
        return chosen
    has_gpu = any(glob.glob(device) for device in _GRAPHICS_DEVICES)
    works = {"egl": _egl_has_device, "osmesa": _osmesa_loads}
    for backend in ("egl", "osmesa") if has_gpu else ("osmesa", "egl"):
        if works[backend]():
            os.environ["MUJOCO_GL"] = backend
            return backend
    raise Failure(
        "no OpenGL to render with: libOSMesa (software) is not installed, and libEGL (GPU) is missing or finds no "
        f"device; {_INSTALL_OSMESA}"
    )


def rendering() -> str:
    """How pictures are made, for people: what ``MUJOCO_GL`` says by now."""
    chosen = os.environ.get("MUJOCO_GL", "")
    how = {"egl": "EGL, on the GPU if there is one", "osmesa": "OSMesa, in software", "glfw": "GLFW, through a window"}
    return f"{how.get(chosen, chosen or 'the system itself')} (MUJOCO_GL={chosen})"


def _osmesa_loads() -> bool:
    return any(_library(name) is not None for name in ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"))


def _egl_has_device() -> bool:
    """Whether libEGL loads and lists a device; in a container with a GPU it often loads and lists none."""
    egl = _library("libEGL.so.1")
    if egl is None:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    if address is None:
        return False
    prototype = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
    count = ctypes.c_int(0)
    return bool(prototype(address)(0, None, ctypes.byref(count))) and count.value > 0


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _is_not_import_chatter(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_IMPORT_CHATTER)
