"""Another node that asks world_model_node; prints one line of JSON. Run in a ROS: ``python world_model_caller.py``."""

import json

import numpy as np
import rclpy
from rclpy.node import Node

import embodiments
from cosmos_policy_interfaces.msg import CommandRows
from cosmos_policy_interfaces.srv import ForwardDynamics, InverseDynamics, Reason
from ros2_nodes.conversions.chunks import to_rows
from ros2_nodes.conversions.images import to_image


def ask(node: Node, kind: type, name: str, request):
    client = node.create_client(kind, f"/world_model_node/{name}")
    assert client.wait_for_service(30.0)
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=60.0)
    return future.result()


def main() -> None:
    rclpy.init()
    node, robot = rclpy.create_node("caller"), embodiments.get("umi")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (17, 64, 64, 3), dtype=np.uint8)
    images = [to_image(frame, 1.0) for frame in frames]
    inverse = ask(node, InverseDynamics, "inverse_dynamics", InverseDynamics.Request(frames=images))
    actions = robot.encode(robot.example_trajectory(num_steps=16))
    forward = ask(
        node,
        ForwardDynamics,
        "forward_dynamics",
        ForwardDynamics.Request(frame=images[0], actions=to_rows("unified", actions)),
    )
    few = ask(node, InverseDynamics, "inverse_dynamics", InverseDynamics.Request(frames=images[:1]))
    ragged = CommandRows(width=10, values=[0.0] * 11)
    broken = ask(node, ForwardDynamics, "forward_dynamics", ForwardDynamics.Request(frame=images[0], actions=ragged))
    said = ask(
        node, Reason, "reason", Reason.Request(question="What is this?", images=images[:1], max_tokens=8, seed=3)
    )
    mute = ask(node, Reason, "reason", Reason.Request())
    print(
        json.dumps(
            {
                "inverse": [inverse.success, inverse.message, inverse.chunk.num_actions, len(inverse.chunk.unified)],
                "names": list(inverse.chunk.action_names),
                "checkpoint": inverse.chunk.checkpoint,
                "forward": [forward.success, forward.message, len(forward.frames), forward.dt],
                "refused": [few.message, broken.message, mute.message],
                "said": [said.success, said.message, said.text, said.finish_reason],
            }
        )
    )
    rclpy.shutdown()


main()
