"""Weights are read once: nothing on the host ever holds a second copy of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.weights import load_parts

SHAPE = {"hidden_size": 1024, "head_dim": 128, "num_attention_heads": 8, "num_key_value_heads": 4}
SHAPE |= {"rope_axes_dim": [24, 20, 20], "num_hidden_layers": 2, "intermediate_size": 4096}
SHARD_BYTES = 40_000_000

MEASURE = """
import json, sys
from pathlib import Path
import torch
from cosmos_policy.engine.weights import load_transformer

def resident(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

torch.set_num_threads(1)
folder, told = Path(sys.argv[1]), {}
load_transformer(Path(sys.argv[2]), torch.device("cpu"), torch.float32)  # what every first call brings into memory
for name in ("bfloat16", "float32"):
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten
    before = resident("VmRSS")
    network = load_transformer(folder, torch.device("cpu"), getattr(torch, name))
    told[name] = {
        "weights": sum(weight.numel() * weight.element_size() for weight in network.parameters()),
        "highest": resident("VmHWM") - before,
    }
    del network
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory, single_thread):
    """dtype -> bytes of the weights, and the most memory that loading took beyond what there was."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux's /proc to see the highest memory of a process")
    from diffusers import Cosmos3OmniTransformer

    tiny = resolve_checkpoint("tiny").folder
    config = load_parts(tiny, torch.device("cpu"), torch.float32).transformer.config
    with torch.device("meta"):
        network = Cosmos3OmniTransformer.from_config({**config, **SHAPE})
    network = network.to_empty(device="cpu").bfloat16()
    for weight in network.parameters():
        weight.data.fill_(0.01)
    folder = tmp_path_factory.mktemp("large") / "transformer"
    network.save_pretrained(folder, max_shard_size=SHARD_BYTES)
    assert len(list(folder.glob("*.safetensors"))) > 2
    command = [sys.executable, "-c", MEASURE, str(folder), str(tiny / "transformer")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_weights_of_the_files_dtype_are_the_files_pages(told):
    assert told["bfloat16"]["weights"] > 100_000_000
    assert told["bfloat16"]["highest"] < 0.5 * told["bfloat16"]["weights"]  # mapped, not copied


def test_other_weights_are_held_once_beside_the_file_that_is_being_read(told):
    found = told["float32"]
    assert found["weights"] <= found["highest"] < found["weights"] + 2 * SHARD_BYTES
