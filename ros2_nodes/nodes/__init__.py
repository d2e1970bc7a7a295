"""rclpy nodes upon the core, each on one single-threaded executor; only a model's calls have a thread of their own.

Several executor threads lose messages in rclpy, and a callback that waits for a model would lose them too.
"""
