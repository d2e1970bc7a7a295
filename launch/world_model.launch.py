"""Inverse dynamics, forward dynamics and the reasoner as services.

ros2 launch cosmos_policy world_model.launch.py server:=ws://gpu-box:8000
"""

from pathlib import Path

import yaml
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

CONFIG = Path(__file__).resolve().parent / "config"
ARGUMENTS = {
    "server": ("ws://127.0.0.1:8000", "address of the model's server"),
    "embodiment": ("", "of requests that name none; empty: the one that the server serves"),
    "in_process": ("false", "run the model inside the node instead"),
    "checkpoint": ("", "of a model inside the node: tiny, a folder, a hub id"),
    "device": ("", "cpu, cuda, cuda:1; empty: CUDA where there is one"),
    "api_key_file": ("", "file with the server's key"),
    "certificate_file": ("", "authority to trust for wss"),
    "connect_timeout_s": ("10.0", "how long the server may take to answer at first"),
    "answer_timeout_s": ("300.0", "how long one call may take"),
    "name": ("world_model_node", "of the node"),
    "namespace": ("/", "of the node"),
    "dds_profiles": (str(CONFIG / "fastdds.xml"), "profiles of Fast DDS; empty: those of the environment"),
}


def start(context):
    """What to start, once the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    variables = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE") if given["dds_profiles"] else ()
    node = Node(
        package="cosmos_policy",
        executable="world_model_node",
        name=given["name"],
        namespace=given["namespace"],
        output="screen",
        parameters=[
            {
                "server": given["server"],
                "embodiment": given["embodiment"],
                "in_process": yaml.safe_load(given["in_process"]),
                "checkpoint": given["checkpoint"],
                "device": given["device"],
                "api_key_file": given["api_key_file"],
                "certificate_file": given["certificate_file"],
                "connect_timeout_s": float(given["connect_timeout_s"]),
                "answer_timeout_s": float(given["answer_timeout_s"]),
            }
        ],
    )
    return [*(SetEnvironmentVariable(variable, given["dds_profiles"]) for variable in variables), node]


def generate_launch_description():
    """What `ros2 launch` asks for."""
    arguments = ARGUMENTS.items()
    declared = [DeclareLaunchArgument(name, default_value=value, description=told) for name, (value, told) in arguments]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
