"""A world-action model drives a robot.

    ros2 launch cosmos_policy policy.launch.py embodiment:=droid_joint server:=ws://gpu-box:8000
    ros2 launch cosmos_policy policy.launch.py embodiment:=droid_joint checkpoint:=tiny

`ros2 launch cosmos_policy policy.launch.py --show-args` lists all arguments.
"""

from pathlib import Path

import yaml
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

from launch import LaunchDescription

CONFIG = Path(__file__).resolve().parent / "config"
ARGUMENTS = {
    "embodiment": ("droid_joint", "the robot: chooses config/<embodiment>.yaml, and what a local server serves"),
    "contract": ("", "path of another contract than config/<embodiment>.yaml"),
    "overrides": ("[]", "settings of the contract to replace: \"['execution.prefix=false', ...]\""),
    "server": ("", "address of a server, such as ws://gpu-box:8000; empty: one is started here"),
    "checkpoint": ("", "what a server started here (or this process) loads: tiny, a folder, a hub id"),
    "serve": ("cosmos-policy", "the command of the environment that holds torch, for a server started here"),
    "port": ("8000", "of a server started here"),
    "in_process": ("false", "run the model inside the node instead"),
    "device": ("", "cpu, cuda, cuda:1; empty: CUDA where there is one"),
    "api_key_file": ("", "file with the server's key"),
    "certificate_file": ("", "authority to trust for wss"),
    "connect_timeout_s": ("10.0", "how long a server may take to answer at first; one started here gets 900 s"),
    "instruction": ("", "what to do from the start; empty: wait for one"),
    "seed": ("0", "of the first question to the model"),
    "num_inference_steps": ("0", "denoising steps; 0: the checkpoint's own"),
    "guidance_scale": ("0.0", "classifier-free guidance; 0: the checkpoint's own"),
    "predicted_video": ("false", "publish what the model expects to see"),
    "use_sim_time": ("false", "take the time of stamps from /clock"),
    "autostart": ("true", "configure and activate at once"),
    "name": ("cosmos_policy", "of the node"),
    "namespace": ("/", "of the node"),
    "dds_profiles": (str(CONFIG / "fastdds.xml"), "profiles of Fast DDS; empty: those of the environment"),
}
LOADING_S = 900.0


def start(context):
    """What to start, once the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    actions = []
    if given["dds_profiles"]:
        # Jazzy reads the first name, Kilted the second.
        for variable in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
            actions.append(SetEnvironmentVariable(variable, given["dds_profiles"]))
    in_process = yaml.safe_load(given["in_process"])
    server, timeout_s = given["server"], float(given["connect_timeout_s"])
    if not server and not in_process:
        if not given["checkpoint"]:
            raise RuntimeError("Say where the model is: server:=ws://host:port, or checkpoint:=tiny to start one here.")
        server, timeout_s = f"ws://127.0.0.1:{given['port']}", LOADING_S
        command = [given["serve"], "serve", "--checkpoint", given["checkpoint"], "--embodiment", given["embodiment"]]
        command += ["--port", given["port"], *(["--device", given["device"]] if given["device"] else [])]
        actions.append(ExecuteProcess(cmd=command, name="cosmos_policy_server", on_exit=Shutdown()))
    node = LifecycleNode(
        package="cosmos_policy",
        executable="policy_node",
        name=given["name"],
        namespace=given["namespace"],
        output="screen",
        parameters=[
            {
                "contract": given["contract"] or str(CONFIG / f"{given['embodiment']}.yaml"),
                "overrides": yaml.safe_load(given["overrides"]) or [""],
                "server": server,
                "checkpoint": given["checkpoint"],
                "in_process": in_process,
                "device": given["device"],
                "api_key_file": given["api_key_file"],
                "certificate_file": given["certificate_file"],
                "connect_timeout_s": timeout_s,
                "instruction": given["instruction"],
                "seed": int(given["seed"]),
                "num_inference_steps": int(given["num_inference_steps"]),
                "guidance_scale": float(given["guidance_scale"]),
                "predicted_video": yaml.safe_load(given["predicted_video"]),
                "use_sim_time": yaml.safe_load(given["use_sim_time"]),
            }
        ],
    )
    if yaml.safe_load(given["autostart"]):
        configure = _transition(node, Transition.TRANSITION_CONFIGURE)
        actions += [
            RegisterEventHandler(OnProcessStart(target_action=node, on_start=[configure])),
            RegisterEventHandler(
                OnStateTransition(
                    target_lifecycle_node=node,
                    start_state="configuring",
                    goal_state="inactive",
                    entities=[_transition(node, Transition.TRANSITION_ACTIVATE)],
                )
            ),
        ]
    return [*actions, node]


def _transition(node, number):
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=number))


def generate_launch_description():
    """What `ros2 launch` asks for."""
    declared = [
        DeclareLaunchArgument(n, default_value=value, description=told) for n, (value, told) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
