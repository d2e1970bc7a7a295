"""What loads when, which OpenGL library is taken, and what is kept off the screen."""

import logging
import os
import subprocess
import sys

import pytest

from cosmos_policy.errors import Failure, UsageError
from sim_eval.physics import open_environment, robots, simulator, tasks


def test_listing_tasks_and_robots_loads_no_simulator():
    code = (
        "import sys; from sim_eval.physics import robots, tasks; "
        "assert 'lift' in tasks.NAMES and 'droid' in robots.NAMES; tasks.get('lift'); "
        "heavy = {'mujoco', 'robosuite', 'lerobot', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("has_gpu", "egl", "osmesa", "backend"),
    [
        (True, True, True, "egl"),
        (False, True, True, "osmesa"),
        (True, False, True, "osmesa"),
        (False, True, False, "egl"),
    ],
)
def test_gl_backend_follows_the_machine(monkeypatch, tmp_path, has_gpu, egl, osmesa, backend):
    monkeypatch.setattr(simulator.sys, "platform", "linux")
    monkeypatch.setattr(simulator, "_GRAPHICS_DEVICES", (str(tmp_path if has_gpu else tmp_path / "none"),))
    monkeypatch.setattr(simulator, "_egl_has_device", lambda: egl)
    monkeypatch.setattr(simulator, "_osmesa_loads", lambda: osmesa)
    monkeypatch.setenv("MUJOCO_GL", "")
    assert simulator.select_gl_backend() == backend
    assert simulator.os.environ["MUJOCO_GL"] == backend


def test_an_egl_library_without_a_vendor_has_no_device(tmp_path):
    """As in a container that was given a GPU without its graphics libraries."""
    code = "from sim_eval.physics import simulator; assert not simulator._egl_has_device()"
    environment = {**os.environ, "__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_backend_that_does_not_start_is_told_in_one_sentence(physics, tmp_path):
    code = (
        "from cosmos_policy.errors import Failure\n"
        "from sim_eval.physics import open_environment\n"
        "try: open_environment('lift', seed=0)\n"
        "except Failure as failure: print(failure)"
    )
    environment = {**os.environ, "MUJOCO_GL": "egl", "__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path)}
    environment.pop("PYOPENGL_PLATFORM", None)  # robosuite sets it in this process, for the backend used here
    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("OpenGL through MUJOCO_GL=egl does not start"), (done.stdout, done.stderr)


def test_a_fork_of_a_process_with_opengl_is_told_and_does_not_hang(physics, capfd):
    """Gymnasium's own "async" forks where Python does by default; its worker's sentence is on stderr."""
    gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")
    import sim_eval  # noqa: F401 (registers the environments)

    with pytest.raises((EOFError, ConnectionError)):
        gymnasium.make_vec(
            "CosmosPolicy/Robosuite-v0",
            num_envs=1,
            vectorization_mode="async",
            vector_kwargs={"context": "fork"},
            embodiment="ur",
            image_size=(32, 32),
        )
    said = capfd.readouterr().err
    assert "forked from one that had OpenGL loaded" in said and "'spawn'" in said


@pytest.mark.parametrize(
    ("chosen", "words"), [("osmesa", "OSMesa, in software"), ("egl", "EGL, on the GPU"), ("", "the system itself")]
)
def test_how_pictures_are_made_is_said(monkeypatch, chosen, words):
    monkeypatch.setenv("MUJOCO_GL", chosen)
    assert simulator.rendering().startswith(words) and f"MUJOCO_GL={chosen}" in simulator.rendering()


def test_any_of_a_machines_gpus_counts(monkeypatch, tmp_path):
    (tmp_path / "nvidia7").touch()
    monkeypatch.setattr(simulator.sys, "platform", "linux")
    monkeypatch.setattr(simulator, "_GRAPHICS_DEVICES", (str(tmp_path / "nvidia[0-9]*"),))
    monkeypatch.setattr(simulator, "_egl_has_device", lambda: True)
    monkeypatch.setenv("MUJOCO_GL", "")
    assert simulator.select_gl_backend() == "egl"


def test_the_environment_variable_wins(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    assert simulator.select_gl_backend() == "glfw"


@pytest.mark.parametrize("asked", ["", "osmesa"])
def test_without_an_opengl_library_one_sentence_says_what_to_install(monkeypatch, asked):
    monkeypatch.setattr(simulator.sys, "platform", "linux")
    monkeypatch.setattr(simulator, "_library", lambda name: None)
    monkeypatch.setenv("MUJOCO_GL", asked)
    with pytest.raises(Failure, match="libosmesa6"):
        simulator.select_gl_backend()


def test_only_the_known_chatter_is_dropped():
    def passes(message: str) -> bool:
        return simulator._is_not_import_chatter(logging.makeLogRecord({"msg": message}))

    assert not passes("No private macro file found!")
    assert passes("Error opening controller filepath at: x. Please check filepath and try again.")


def test_importing_robosuite_is_silent(physics):
    code = "from sim_eval.physics import robots; robots.get('droid')"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "juggle"}, "no task is called 'juggle'; there is .*lift"),
        ({"robot": "r2d2"}, "no simulated robot is called 'r2d2'; there is .*droid"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"image_size": (0, 360)}, "0x360 .* has no pixels"),
        ({"supersampling": 0}, "supersampling 0 has no pixels"),
    ],
)
def test_wrong_use_is_told_before_a_scene_is_built(arguments, words):
    with pytest.raises(UsageError, match=words):
        open_environment(**{"task": "lift", "seed": 0, **arguments})


def test_each_name_is_a_file_that_says_so(physics):
    assert all(tasks.get(name).name == name for name in tasks.NAMES)
    assert all(robots.get(name).name == name for name in robots.NAMES)
