"""Bags of what a robot saw, was asked, predicted and commanded, and datasets made of them. No ROS is needed."""
