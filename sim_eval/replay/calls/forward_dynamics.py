"""What does the checkpoint expect to see? Recorded actions go in, predicted frames against the recorded ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosmos_policy.errors import Failure
from cosmos_policy.inputs import visible_content
from cosmos_policy.types import ForwardDynamicsRequest, Rollout
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.media.video import comparison_video
from sim_eval.metrics.actions import count_clamped
from sim_eval.metrics.images import FrameErrors, frame_errors
from sim_eval.replay.calls.base import Call, Scene
from sim_eval.replay.plan import Window

#: A pixel counts as shown where the mask, after the resizing that frames go through, is still nearly white.
SHOWN_LEVEL = 250


class ForwardDynamicsCall(Call):
    name = "forward-dynamics"
    title = "Forward dynamics"
    lead = "The checkpoint was given one recorded frame and the recorded actions, and showed what it expects to see."

    def request(self, scene: Scene, window: Window) -> ForwardDynamicsRequest:
        first = scene.recording.views(window.episode, window.start)[0]
        return ForwardDynamicsRequest(
            scene.embodiment.compose(first),
            scene.recorded_actions(window),
            scene.embodiment,
            seed=window.seed,
            instruction=scene.instruction,
            state=scene.state(window),
            sampling=scene.sampling,
        )

    def ask(self, model: WorldActionModel, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]:
        return model.forward_dynamics(list(requests))

    def measure(self, scene: Scene, window: Window, request: ForwardDynamicsRequest, answer: Rollout) -> dict[str, Any]:
        """Predicted against recorded frames, and the baseline that the last known frame stays.

        "errors": "prediction" and "last_frame_stays" -> psnr_db, ssim, mse, one number a horizon step;
        "autoencoder": the same for frame 0, which the model was given and only had to reproduce;
        "unreachable_actions": how many recorded actions the normaliser had to clamp before the model saw them.
        """
        tier = scene.sampling.resolution_tier
        views = scene.recording.views(window.episode, window.start)
        recorded = visible_content(np.stack([scene.embodiment.compose(images) for images in views]), tier)
        if answer.frames.shape != recorded.shape:
            raise Failure(
                f"The model gave frames of shape {list(answer.frames.shape)} for a recording that it sees as "
                f"{list(recorded.shape)}; they cannot be compared."
            )
        region = visible_content(scene.recording.shown_region(views[0])[None], tier)[0].min(axis=-1) >= SHOWN_LEVEL
        stays = np.broadcast_to(recorded[:1], recorded[1:].shape)
        video = scene.output / "videos" / f"episode_{window.episode:06d}_frame_{window.start:06d}.mp4"
        comparison_video(video, recorded, answer.frames, scene.embodiment.fps)
        return {
            "errors": {
                "prediction": _as_lists(frame_errors(answer.frames[1:], recorded[1:], region)),
                "last_frame_stays": _as_lists(frame_errors(stays, recorded[1:], region)),
            },
            "autoencoder": {
                name: values[0]
                for name, values in _as_lists(frame_errors(answer.frames[:1], recorded[:1], region)).items()
            },
            "unreachable_actions": count_clamped(scene.embodiment, request.actions),
            "shown_share": float(region.mean()),
            "video": video.relative_to(scene.output).as_posix(),
        }


def _as_lists(errors: FrameErrors) -> dict[str, list[float]]:
    return {"psnr_db": errors.psnr_db.tolist(), "ssim": errors.ssim.tolist(), "mse": errors.mse.tolist()}
