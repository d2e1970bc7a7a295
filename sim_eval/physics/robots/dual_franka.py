"""Two Pandas side by side in robosuite, each with a Robotiq 2F-85, and three cameras around them.

The embodiment ``dual_franka`` (RoboMIND) says: a left and a right arm, 10 Hz, views ``front``, ``left`` and ``right``,
end-effector poses in the base frame, and a gripper each. It says neither where the bases stand, nor which gripper the
arms carry, nor where the cameras are. Conventions of ours: the arms and flange frames of the robot ``droid``; the bases
parallel, 50 cm apart, both looking over the table (robosuite's "parallel"); each arm's poses in the frame of its own
base. What the model sees are motions in the flange's own axes: they are the same in any base frame.

robosuite places its first robot at -y, which is the right one, as the robots look along x. Recordings hold both arms'
commanded joints (0:7 and 8:15 of ``actions.joint_position``) around the grippers that the embodiment reads.
"""

from sim_eval.physics.cameras import Camera
from sim_eval.physics.robots import droid, ur
from sim_eval.physics.robots._robotiq import CLOSED_RAD
from sim_eval.physics.robots.base import RobotSetup

_MIDDLE_Y_M = 0.25
"""Of the table, seen from the right arm's base, which carries the cameras."""

ROBOT = RobotSetup(
    name="dual_franka",
    embodiments=("dual_franka",),
    robosuite_robot=droid.ROBOT.robosuite_robot,
    robosuite_gripper=ur.ROBOT.robosuite_gripper,  # the one that works at 10 Hz
    dataset_robot_type="franka_dual",
    base_body=droid.ROBOT.base_body,
    flange_body=droid.ROBOT.flange_body,
    gripper_joint="finger_joint",
    gripper_stroke=CLOSED_RAD,
    stiffness=droid.ROBOT.stiffness,
    control_rate_hz=ur.CONTROL_RATE_HZ,
    cameras=(
        Camera("front", "base", (1.55, _MIDDLE_Y_M, 0.75), (0.45, _MIDDLE_Y_M, 0.10), (0.0, 0.0, 1.0), 48.0),
        Camera("left", "base", (0.75, _MIDDLE_Y_M + 1.05, 0.55), (0.45, _MIDDLE_Y_M, 0.08), (0.0, 0.0, 1.0), 50.0),
        Camera("right", "base", (0.75, _MIDDLE_Y_M - 1.05, 0.55), (0.45, _MIDDLE_Y_M, 0.08), (0.0, 0.0, 1.0), 50.0),
    ),
    arms={"left": 1, "right": 0},
    recorded_commands={
        "left_joint_position": "actions.joint_position[0:7]",
        "right_joint_position": "actions.joint_position[8:15]",
    },
)
