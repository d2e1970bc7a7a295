"""The tests of the robot side may import `simulated_world`, which stands beside this file."""
