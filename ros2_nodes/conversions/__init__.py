"""ROS messages to the core's records and back. Needs a ROS; the core never imports it."""
