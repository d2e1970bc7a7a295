"""The node's way to a model takes another engine's address as it takes a server's: in the robot's own environment."""

import subprocess
import textwrap

import pytest
from rig import CONTRACT, REPOSITORY

from cosmos_policy.server.background import BackgroundServer


@pytest.fixture(scope="module")
def server():
    with BackgroundServer(["--checkpoint", "tiny", "--embodiment", "droid_joint", "--threads", "1"]) as running:
        yield running


def test_a_node_asks_another_engine(ros, server):
    """No torch there, no PyAV: pictures go as PNG, and what comes back is commands within the contract."""
    code = textwrap.dedent(f"""
        from pathlib import Path
        import cosmos_policy, embodiments
        from ros2_nodes.contract import load_contract
        from ros2_nodes.nodes.models import open_source
        from ros2_nodes.nodes.policy_settings import PolicySettings
        contract = load_contract(Path("{CONTRACT}"), {{"execution.deadline_ms": 60000.0}})
        settings = PolicySettings(Path("{CONTRACT}"), {{}}, "vllm-omni+{server.http}", None, None, 10.0, False, None,
                                  None, "go", 0, cosmos_policy.Sampling(num_inference_steps=1), False)
        source = open_source(contract, settings)
        assert source.embodiment.name == "droid_joint" and source.embodiment.chunk_size == 32
        example = embodiments.get("droid_joint").example_observation(seed=0)
        seen = cosmos_policy.Observation(example["images"], example["state"], stamp=5.0)
        chunk = source(cosmos_policy.PolicyRequest(seen, "go", source.embodiment, seed=3))
        assert chunk.commands["joint_position"].shape == (32, 7) and chunk.stamp == 5.0
        source.close()
        import sys
        assert "torch" not in sys.modules
        print("asked")
    """)
    done = subprocess.run(
        [ros.python, "-c", code], env=ros.variables(), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.strip().endswith("asked"), done.stderr[-2000:]
