"""One file a robot. Each defines `EMBODIMENT`; its file name is the robot's name. Adding a file adds a robot."""
