#!/bin/bash
# Runs a command with ROS, the nodes and their libraries on its paths.
set -e
source /opt/ros/jazzy/setup.bash
source /opt/robot/venv/bin/activate
source /opt/robot/install/setup.bash
exec "$@"
