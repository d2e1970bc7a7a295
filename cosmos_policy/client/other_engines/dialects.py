"""The two ways in which an action call is written as a video job: vLLM-Omni's, and that of this software's own server.

vLLM-Omni reads what the network reads: the fitted picture, the complete prompt, normalised actions. (Source:
vllm-project/vllm-omni, ``models/cosmos3/pipeline_cosmos3.py`` and ``entrypoints/openai/serving_video.py``.) Our own
server does the robot's part itself: it is sent composed frames, the instruction, and the state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.client.other_engines.asked import Asked, canvas_size, read_rows, whole_rate
from cosmos_policy.client.other_engines.pictures import as_clip, as_png
from cosmos_policy.client.other_engines.video_jobs import Upload
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import Sampling


@dataclass(frozen=True)
class Form:
    """fields: of the multipart form. extra_params: its JSON. upload: the picture or clip."""

    fields: Mapping[str, Any]
    extra_params: Mapping[str, Any]
    upload: Upload


class Dialect(ABC):
    """How one kind of server is asked for actions, and how its answer is read."""

    @abstractmethod
    def form(self, asked: Asked) -> Form:
        """The job of an action call. Raises :class:`UsageError` for what this kind of server cannot do."""

    @abstractmethod
    def rows(self, asked: Asked, action: Mapping[str, Any], name: str) -> np.ndarray:
        """float32 [steps, D] in model space, from the finished job's `action`. name: how sentences call the server."""

    @abstractmethod
    def generation_extras(self, sampling: Sampling) -> dict[str, Any]:
        """What a generation's extra parameters hold besides the templates, which are written here already."""

    def sampling_fields(self, sampling: Sampling) -> dict[str, Any]:
        """Every setting, said aloud: no server's own default decides."""
        return {
            "num_inference_steps": sampling.num_inference_steps,
            "guidance_scale": sampling.guidance_scale,
            "flow_shift": sampling.flow_shift,
        }


class VllmOmni(Dialect):
    """vLLM-Omni with a Cosmos 3 checkpoint."""

    #: The robot whose state row vLLM-Omni can take, through its RoboLab observation.
    ROBOLAB = "droid_joint"

    def form(self, asked: Asked) -> Form:
        _refuse_guidance_steps(asked.engine.sampling, "vLLM-Omni")
        if asked.engine.mode == "policy" and len(asked.known_actions):
            raise UsageError("vLLM-Omni takes no prefix: ask without one, or connect to a cosmos-policy server.")
        if asked.job.past_rows:
            return self._robolab(asked)
        engine = asked.engine
        extra = {
            "action_mode": engine.mode,
            "domain_name": engine.domain_name,
            "raw_action_dim": engine.rows.shape[1],
            "action_chunk_size": asked.steps,
            # The prompt is complete, as in training: nothing is to be put behind it.
            "use_resolution_template": False,
            "use_duration_template": False,
        }
        if engine.mode == "forward_dynamics":
            extra["action"] = asked.known_actions.tolist()
        if engine.sampling.guidance_interval is not None:
            extra["guidance_interval"] = list(engine.sampling.guidance_interval)
        # vLLM-Omni denoises whatever is sent, the canvas's padding too; training cut it away. So it is not sent.
        height, width = engine.fit.visible_height, engine.fit.visible_width
        frames = engine.frames[:, :height, :width]
        upload = as_clip(frames, engine.fps) if engine.mode == "inverse_dynamics" else as_png(frames[0])
        fields = {
            "prompt": engine.prompt,
            "size": f"{width}x{height}",
            "num_frames": engine.num_frames,
            "fps": whole_rate(engine.fps),
            "seed": engine.seed,
            **self.sampling_fields(engine.sampling),
        }
        return Form(fields, extra, upload)

    def rows(self, asked: Asked, action: Mapping[str, Any], name: str) -> np.ndarray:
        if "data" not in action:
            raise Failure(f"{name} finished a job without action data; expected them under action.data.")
        width = asked.engine.rows.shape[1]
        mode, told = action.get("action_mode"), action.get("raw_action_dim")
        if mode not in (None, asked.engine.mode) or told not in (None, width):
            raise Failure(
                f"{name} answered {mode} with {told} columns; asked was {asked.engine.mode} with {width} columns."
            )
        rows = read_rows(action["data"], asked.steps, width, name)
        if asked.job.past_rows:  # RoboLab's wire: the gripper is 1 when closed, and the network's 1 when open
            rows = rows.copy()
            rows[:, -1] = 1.0 - rows[:, -1]
        return rows

    def generation_extras(self, sampling: Sampling) -> dict[str, Any]:
        _refuse_guidance_steps(sampling, "vLLM-Omni")
        # Left open, vLLM-Omni would guide pictures between 400 and 1000 only.
        return {"guidance_interval": list(sampling.guidance_interval or (0, 1001))}

    def _robolab(self, asked: Asked) -> Form:
        """A state row goes in as RoboLab's observation only: DROID's joints and gripper, policy alone."""
        engine = asked.engine
        if asked.robot.name != self.ROBOLAB or engine.mode != "policy" or asked.job.past_rows != 1:
            raise UsageError(
                f"vLLM-Omni has no place for {asked.robot.name}'s state row in {engine.mode}, nor for a history: it "
                f"takes {self.ROBOLAB}'s policy, and robots without a state row; or connect to a cosmos-policy server."
            )
        if engine.video:
            raise UsageError(f"vLLM-Omni sends no video with {self.ROBOLAB}'s policy: ask with video=False.")
        sampling, (height, width) = engine.sampling, asked.frames.shape[1:3]
        if sampling.guidance_interval is not None:
            raise UsageError(f"vLLM-Omni guides {self.ROBOLAB}'s policy at every timestep: leave the interval out.")
        extra = {
            "action_mode": "policy",
            "domain_name": engine.domain_name,
            "raw_action_dim": engine.rows.shape[1],
            "action_chunk_size": asked.steps,
            "action_space": "joint_pos",
            "use_state": True,
            "history_length": 1,
            "image_height": height,
            "image_width": width,
            "resolution": str(sampling.resolution_tier),
            "conditioning_fps": whole_rate(engine.fps),
            "seed": engine.seed,
            **self.sampling_fields(sampling),
            "robot_obs": {
                "prompt": asked.request.instruction,
                "observation/joint_position": np.asarray(asked.state["joint_position"], float).reshape(-1).tolist(),
                "observation/gripper_position": np.asarray(asked.state["gripper_position"], float).reshape(-1).tolist(),
            },
        }
        fields = {"prompt": asked.request.instruction, "num_frames": engine.num_frames, "fps": whole_rate(engine.fps)}
        return Form(fields, extra, as_png(asked.frames[0]))


class CosmosPolicyServer(Dialect):
    """This software's own server, through its OpenAI surface. ``ws://`` does more, and faster."""

    def form(self, asked: Asked) -> Form:
        engine, sampling = asked.engine, asked.engine.sampling
        _refuse_guidance_steps(sampling, "The OpenAI surface")
        if sampling.guidance_interval is not None:
            raise UsageError("The OpenAI surface takes no guidance_interval: connect to this server by ws://.")
        if engine.mode == "policy" and (len(asked.known_actions) or asked.job.past_rows > asked.robot.state_rows):
            raise UsageError("The OpenAI surface takes no prefix and no history: connect to this server by ws://.")
        extra: dict[str, Any] = {
            "action_mode": engine.mode,
            "domain_name": asked.robot.name,
            "raw_action_dim": engine.rows.shape[1],
            "action_chunk_size": asked.steps,
        }
        if asked.state is not None:
            extra["state"] = {name: np.asarray(value, float).tolist() for name, value in asked.state.items()}
        if engine.mode == "forward_dynamics":
            extra["action"] = asked.known_actions.tolist()
        upload = as_clip(asked.frames, engine.fps) if engine.mode == "inverse_dynamics" else as_png(asked.frames[0])
        text = asked.request.instruction
        fields = {
            "prompt": asked.robot.instruction_default if text is None else text,
            "size": canvas_size(engine),
            "num_frames": engine.num_frames,
            "fps": engine.fps,
            "seed": engine.seed,
            **self.sampling_fields(sampling),
        }
        return Form(fields, extra, upload)

    def rows(self, asked: Asked, action: Mapping[str, Any], name: str) -> np.ndarray:
        return read_rows(action.get("model"), asked.steps, asked.engine.rows.shape[1], name)

    def generation_extras(self, sampling: Sampling) -> dict[str, Any]:
        _refuse_guidance_steps(sampling, "The OpenAI surface")
        if sampling.guidance_interval is not None:
            raise UsageError("The OpenAI surface takes no guidance_interval: connect to this server by ws://.")
        return {}


def _refuse_guidance_steps(sampling: Sampling, name: str) -> None:
    if sampling.guidance_steps is not None:
        raise UsageError(
            f"{name} takes no guidance_steps: leave it out, or connect to a cosmos-policy server by ws://."
        )
