"""The world in a box: a world-action model's forward dynamics as Gymnasium environments.

Data flows one way::

    start (a real or generated frame, the robot's state) -> world -> request -> model -> frames -> world -> rewards

:mod:`~sim_eval.world_model.world` holds one world and knows no Gymnasium; the environments of one world and of many ask
the model for the worlds that they hold.
"""
