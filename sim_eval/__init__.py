"""Evaluation: Gymnasium environments, LeRobot dataset replay, closed-loop roll-outs, metrics, reports.

Importing this package registers its environments with Gymnasium where that is installed; nothing else is loaded.
"""

from importlib.util import find_spec

if find_spec("gymnasium") is not None:
    from sim_eval.registration import register_environments

    register_environments()
