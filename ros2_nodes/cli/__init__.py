"""Commands of ``cosmos-policy`` that belong to robots under ROS 2; none of them needs a ROS."""
