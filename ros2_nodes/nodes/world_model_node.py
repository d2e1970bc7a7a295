"""``world_model_node``: inverse dynamics, forward dynamics and the reasoner as services, for other nodes.

~/inverse_dynamics, ~/forward_dynamics, ~/reason. The model is a server's, or in this process. It computes in a
thread of its own, one call after the other, while the node goes on answering.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.task import Future

import embodiments
from cosmos_policy.client import connect
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import ForwardDynamicsRequest, InverseDynamicsRequest, ReasonRequest, Sampling
from cosmos_policy.world_action_model import WorldActionModel
from cosmos_policy_interfaces.srv import ForwardDynamics, InverseDynamics, Reason
from ros2_nodes.conversions.chunks import ChunkWriter, from_rows, from_state
from ros2_nodes.conversions.images import from_image, to_image
from ros2_nodes.nodes.keys import read_key
from ros2_nodes.nodes.running import run

#: Calls that may wait for the one under way; more are refused at once.
WAITING = 4
PARAMETERS: dict[str, tuple[Any, str]] = {
    "server": ("ws://127.0.0.1:8000", "address of the model's server; not read with in_process"),
    "api_key_file": ("", "file with the server's key, where it wants one"),
    "certificate_file": ("", "authority to trust for wss, where it is no public one"),
    "connect_timeout_s": (10.0, "how long the server may take to answer at first, loading included"),
    "answer_timeout_s": (300.0, "how long one call may take"),
    "in_process": (False, "run the model in this process (needs cosmos-policy[model])"),
    "checkpoint": ("", "of a model in this process: tiny, a folder or a hub id"),
    "device": ("", "of a model in this process: cpu, cuda, cuda:1; empty: CUDA where there is one"),
    "embodiment": ("", "of requests that name none; empty: the one that the server serves"),
}


class WorldModelNode(Node):
    """Three services upon one model."""

    def __init__(self) -> None:
        super().__init__("world_model_node")
        for name, (value, meaning) in PARAMETERS.items():
            self.declare_parameter(name, value, ParameterDescriptor(description=meaning))
        given = {name: self.get_parameter(name).value for name in PARAMETERS}
        self._model, self._embodiment = _open(given)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._under_way = 0
        self._serve(InverseDynamics, "~/inverse_dynamics", self._inverse_dynamics)
        self._serve(ForwardDynamics, "~/forward_dynamics", self._forward_dynamics)
        self._serve(Reason, "~/reason", self._reason)
        self.get_logger().info(f"{self._model.info.checkpoint} answers")

    def close(self) -> None:
        """Take no more calls; the model is given back once the one under way is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._model.close()

    def _serve(self, kind: type, name: str, answer: Callable[[Any, Any], None]) -> None:
        """A service whose `answer` runs in the model's thread; what it raises becomes the response's one sentence."""

        def compute(request: Any, response: Any, done: Future) -> None:
            try:
                answer(request, response)
                response.success = True
            except (Failure, ValueError) as error:
                response.message = " ".join(str(error).split())
            except Exception as error:
                self.get_logger().error(traceback.format_exc())
                response.message = f"{type(error).__name__}: {error}; the node's log has the traceback."
            done.set_result(None)

        async def callback(request: Any, response: Any) -> Any:
            if self._under_way > WAITING:
                response.message = f"{self._under_way} calls are under way already; ask again later."
                return response
            self._under_way += 1
            done = Future(executor=self.executor)
            self._thread.submit(compute, request, response, done)
            await done
            self._under_way -= 1
            return response

        self.create_service(kind, name, callback)

    def _inverse_dynamics(self, request: Any, response: Any) -> None:
        frames = [from_image(frame, f"frame {number}") for number, frame in enumerate(request.frames)]
        if len({frame.shape for frame in frames}) != 1 or len(frames) < 2:
            raise UsageError(f"frames has {len(frames)} images; expected two or more of one size.")
        robot = embodiments.get(request.embodiment or self._embodiment)
        chunk = self._model.inverse_dynamics(
            InverseDynamicsRequest(
                np.stack(frames),
                robot,
                seed=_seed(request.seed),
                instruction=request.instruction or None,
                sampling=Sampling(request.num_inference_steps or None),
            )
        )
        response.chunk = ChunkWriter(robot)(chunk, instruction=request.instruction)

    def _forward_dynamics(self, request: Any, response: Any) -> None:
        began_s = time.monotonic()
        robot = embodiments.get(request.embodiment or self._embodiment)
        rollout = self._model.forward_dynamics(
            ForwardDynamicsRequest(
                from_image(request.frame, "frame"),
                from_rows(request.actions, "actions"),
                robot,
                seed=_seed(request.seed),
                instruction=request.instruction or None,
                state=from_state(request.state, robot) or None,
                sampling=Sampling(request.num_inference_steps or None),
            )
        )
        stamp_s = request.frame.header.stamp.sec + 1e-9 * request.frame.header.stamp.nanosec
        frame_id = request.frame.header.frame_id
        response.frames = [to_image(f, stamp_s + i * rollout.dt, frame_id) for i, f in enumerate(rollout.frames)]
        response.dt = float(rollout.dt)
        response.inference_ms = 1e3 * (time.monotonic() - began_s)

    def _reason(self, request: Any, response: Any) -> None:
        if not request.question.strip():
            raise UsageError("question is empty; say what you want to know.")
        began_s = time.monotonic()
        images = [
            {"type": "image", "image": from_image(image, f"image {number}")}
            for number, image in enumerate(request.images)
        ]
        messages = [{"role": "user", "content": [*images, {"type": "text", "text": request.question}]}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        length = {"max_tokens": int(request.max_tokens)} if request.max_tokens else {}
        reply = self._model.reason(
            ReasonRequest(messages, reasoning=request.reasoning, seed=_seed(request.seed), **length)
        )
        response.text, response.reasoning = reply.text, reply.reasoning or ""
        response.finish_reason = str(reply.finish_reason)
        response.inference_ms = 1e3 * (time.monotonic() - began_s)


def _open(given: dict[str, Any]) -> tuple[WorldActionModel, str]:
    """The model, and the embodiment of requests that name none."""
    if given["in_process"]:
        if not given["checkpoint"] or not given["embodiment"]:
            raise UsageError("in_process needs the parameters checkpoint (tiny, a folder or a hub id) and embodiment.")
        from cosmos_policy.loading import load

        return load(given["checkpoint"], device=given["device"] or None), given["embodiment"]
    model = connect(
        given["server"],
        api_key=read_key(given["api_key_file"]),
        certificate_file=given["certificate_file"] or None,
        timeout_s=given["answer_timeout_s"],
        connect_timeout_s=given["connect_timeout_s"],
    )
    return model, given["embodiment"] or model.contract["embodiment"]["name"]


def _seed(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed is {seed}; expected 0 or more.")
    return seed


def main() -> None:
    """The executable."""
    run(WorldModelNode, WorldModelNode.close)


if __name__ == "__main__":
    main()
