"""A fake model for tests of the server: no torch, an answer that depends on every input, and stage directions.

The instruction may hold directions: "sleep 0.5" takes that long, "refuse" is wrong use, "break" is a fault inside the
model, "exit" ends the process as a crash would.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from types import SimpleNamespace

import numpy as np

import embodiments
from cosmos_policy import ActionChunk, ModelInfo, Rollout, Sampling, UsageError, WorldActionModel
from cosmos_policy.types import Media, Reply

DEFAULTS = Sampling(num_inference_steps=4, guidance_scale=1.0, flow_shift=5.0, resolution_tier=256)


def load(load_s: float = 0.0) -> WorldActionModel:
    time.sleep(load_s)
    return ScriptedModel()


def load_impossible() -> WorldActionModel:
    raise UsageError("This checkpoint cannot be had: ask for another.")


def load_broken() -> WorldActionModel:
    raise RuntimeError("secret detail")


class ScriptedModel(WorldActionModel):
    info = ModelInfo("scripted", "0", "test script", "cpu", "float64", DEFAULTS)

    def sampling_for(self, embodiment, sampling=None):
        return (sampling or Sampling()).over(DEFAULTS)

    def _run_policy(self, requests):
        return [self._chunk(each, each.observation.images, each.observation.state, each.video) for each in requests]

    def _run_inverse_dynamics(self, requests):
        return [self._chunk(each, {"frames": each.frames}, each.state, False) for each in requests]

    def _run_forward_dynamics(self, requests):
        follow_directions(requests)
        return [
            Rollout(np.repeat(each.frame[None], len(each.actions) + 1, 0), 0.1, {"total": 1.0}, {"seed": each.seed})
            for each in requests
        ]

    def follow_reason(self, request, tell):
        """Says the last message back word by word; "wait 0.1" between two words takes that long."""
        asked = request.messages[-1]["content"]
        words = " ".join(map(words_of, [asked] if isinstance(asked, str) else asked))
        follow_directions([SimpleNamespace(instruction=words)])
        pause = float(found[1]) if (found := re.search(r"wait ([\d.]+)", words)) else 0.0
        thoughts = f"They said {len(words.split())} words." if request.reasoning else None
        if thoughts:
            tell({"text": "", "reasoning": thoughts})
        for word in words.split():
            tell({"text": f"{word} ", "reasoning": ""})
            time.sleep(pause)
        count = len(words.split())
        return Reply(" ".join(words.split()) + " ", thoughts, "stop", count, count, info={"seed": request.seed})

    def follow_generate(self, request, tell):
        """A video of one colour, which the seed and the prompt choose; "wait 0.1" is the time of a step."""
        follow_directions([SimpleNamespace(instruction=request.prompt)])
        pause = float(found[1]) if (found := re.search(r"wait ([\d.]+)", request.prompt)) else 0.0
        steps = request.sampling.num_inference_steps or 4
        for step in range(steps):
            time.sleep(pause)
            tell({"step": step + 1, "steps": steps})
        colour = hashlib.sha256(repr((request.prompt, request.seed)).encode()).digest()[:3]
        frames = np.broadcast_to(np.frombuffer(colour, np.uint8), (request.num_frames or 5, 16, 32, 3)).copy()
        sound = np.zeros((2, 48_000 * len(frames) // int(request.fps)), np.float32) if request.sound else None
        return Media(frames, float(request.fps), sound, info={"seed": request.seed})

    def _chunk(self, request, images, state, video):
        follow_directions([request])
        robot = embodiments.get(request.embodiment) if isinstance(request.embodiment, str) else request.embodiment
        steps = getattr(request, "chunk_size", None) or robot.chunk_size
        unified = expected_rows(robot, steps, images, state, request.instruction, request.seed)
        if getattr(request, "prefix", None) is not None:
            unified[: len(request.prefix)] = request.prefix
        stamp = request.observation.stamp if hasattr(request, "observation") else 0.0
        frame = next(iter(images.values()))
        return ActionChunk(
            model=unified.astype(np.float32),
            unified=unified,
            commands={} if state is None else robot.decode(unified, state),
            dt=1 / robot.fps,
            stamp=stamp,
            valid_until=stamp + steps / robot.fps,
            video=np.repeat(frame[None], steps + 1, 0) if video else None,
            timing={"total": 1.0},
            info={
                "seed": request.seed,
                "normalizer": robot.normalizer.describe(),
                "sampling": request.sampling,
                "history": getattr(request, "history", None),
            },
        )


def words_of(part):
    if isinstance(part, str):
        return part
    return part["text"] if part["type"] == "text" else f"{part['type']} of {part[part['type']].shape}"


def expected_rows(robot, steps, images, state, instruction, seed):
    """float64 [steps, D]: what the script answers; every input moves it."""
    digest = hashlib.sha256(repr((instruction, seed, steps)).encode())
    for name, array in sorted({**images, **(state or {})}.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    generator = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big"))
    moved = robot.encode(robot.example_trajectory(steps, seed=seed % 1000))
    return moved + 1e-3 * generator.standard_normal(moved.shape)


def follow_directions(requests):
    for request in requests:
        text = request.instruction or ""
        if found := re.search(r"sleep ([\d.]+)", text):
            time.sleep(float(found[1]))
        if "refuse" in text:
            raise UsageError("The script refuses this.")
        if "break" in text:
            raise RuntimeError("secret detail of /private/place")
        if "exit" in text:
            os._exit(9)
