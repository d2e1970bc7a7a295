"""The page at /, in headless Chromium: it shows the state, and its button brings an answer with charts."""

import re
import shutil
import subprocess

import httpx
import pytest

from cosmos_policy.server.transport.operations import PAGE_POLICY


@pytest.fixture(scope="session")
def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine to open the page with")
    return found


def dump(chromium, folder, url):
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}",
        "--virtual-time-budget=12000", "--timeout=20000", "--dump-dom", url,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


def test_the_page_shows_state_and_tries_a_call(scripted, chromium, tmp_path):
    page = dump(chromium, tmp_path, f"{scripted.http}/#ask")
    assert re.search(r'class="pill ready"[^>]*>ready<', page)
    assert "scripted for DROID Franka, joint positions" in page
    assert page.count('class="view"') == 3
    assert page.count("<polyline") == 8  # seven joints and the gripper
    assert "joint position (rad)" in page
    assert re.search(r"<b>\d+ ms</b><span>round trip", page)


def test_the_page_talks_to_its_own_server_only(scripted):
    answer = httpx.get(scripted.http, trust_env=False)
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "default-src 'none'" in PAGE_POLICY
    assert not re.search(r"""(?:src|href)\s*=\s*["']?https?:""", answer.text)
