"""Record what is seen, asked, predicted and commanded, until it is ended.

ros2 launch cosmos_policy record.launch.py embodiment:=droid_joint folder:=recordings/monday
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

CONFIG = Path(__file__).resolve().parent / "config"
ARGUMENTS = {
    "embodiment": ("droid_joint", "the robot: chooses config/<embodiment>.yaml"),
    "contract": ("", "path of another contract than config/<embodiment>.yaml"),
    "folder": ("", "the bag's folder; it must not exist yet"),
    "policy_node": ("/cosmos_policy", "full name of the policy node"),
    "name": ("record_node", "of the node"),
    "namespace": ("/", "of the node"),
    "dds_profiles": (str(CONFIG / "fastdds.xml"), "profiles of Fast DDS; empty: those of the environment"),
}


def start(context):
    """What to start, once the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    variables = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE") if given["dds_profiles"] else ()
    node = Node(
        package="cosmos_policy",
        executable="record_node",
        name=given["name"],
        namespace=given["namespace"],
        output="screen",
        parameters=[
            {
                "contract": given["contract"] or str(CONFIG / f"{given['embodiment']}.yaml"),
                "folder": given["folder"],
                "policy_node": given["policy_node"],
            }
        ],
    )
    return [*(SetEnvironmentVariable(variable, given["dds_profiles"]) for variable in variables), node]


def generate_launch_description():
    """What `ros2 launch` asks for."""
    arguments = ARGUMENTS.items()
    declared = [DeclareLaunchArgument(name, default_value=value, description=told) for name, (value, told) in arguments]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
