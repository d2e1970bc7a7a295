"""See docs/ros2.md."""
