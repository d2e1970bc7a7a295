"""A Cosmos world-action model on a robot under ROS 2: observations in, safe commands out.

`contract`, `observing`, `execution`, `safety`, `commanding`, `drift` and `loop` are plain Python: no rclpy, no torch,
no clock of their own, so that all of them are tested in simulated time. `nodes` and `conversions` put them on wires.
"""
