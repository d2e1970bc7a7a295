"""The action calls, one file each: a typed request becomes an engine's job, and its result the answer.

``prepare`` knows the robot and the checkpoint's habits, the engine knows neither; ``finish`` brings its rows back to
the robot. Data flows one way through them.
"""
