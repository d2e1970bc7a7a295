# syntax=docker/dockerfile:1
# The robot's side: ROS 2 Jazzy, the nodes, the thin client. No torch, no GPU. From the repository's root:
#   docker build -f deploy/docker/robot.Dockerfile -t cosmos-policy-robot .
#   docker run --network host --ipc host cosmos-policy-robot \
#     ros2 launch cosmos_policy policy.launch.py embodiment:=droid_joint server:=ws://gpu-box:8000
FROM ros:jazzy-ros-base

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        python3-colcon-common-extensions python3-venv ros-jazzy-ros2-control ros-jazzy-ros2-controllers \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/robot
# Ubuntu's own pydantic and websockets are too old; ROS's numpy messages were built against numpy 1 (docs/ros2.md).
COPY pyproject.toml README.md LICENSE src/cosmos-policy/
COPY embodiments src/cosmos-policy/embodiments
COPY cosmos_policy src/cosmos-policy/cosmos_policy
COPY ros2_nodes src/cosmos-policy/ros2_nodes
COPY sim_eval src/cosmos-policy/sim_eval
COPY launch src/cosmos-policy/launch
COPY cosmos_policy_interfaces src/cosmos-policy/cosmos_policy_interfaces
RUN python3 -m venv --system-site-packages venv \
    && touch venv/COLCON_IGNORE \
    && venv/bin/pip install --no-cache-dir "./src/cosmos-policy[ros2,other-engines]" "numpy<2"
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=SC1091
RUN source /opt/ros/jazzy/setup.bash \
    && source venv/bin/activate \
    && python -m colcon build

COPY deploy/docker/robot-entrypoint.sh /usr/local/bin/robot-entrypoint
RUN useradd --uid 10001 --create-home robot
USER 10001
ENTRYPOINT ["/bin/bash", "/usr/local/bin/robot-entrypoint"]
CMD ["ros2", "launch", "cosmos_policy", "policy.launch.py", "--show-args"]
