"""The names under which Gymnasium makes our environments."""

ENVIRONMENTS = {"CosmosPolicy/Robosuite-v0": "sim_eval.physics.gymnasium_environment:RobosuiteEnvironment"}


def register_environments() -> None:
    """Tells Gymnasium the names; the modules behind them are imported by ``gymnasium.make``. Twice is harmless."""
    import gymnasium

    for name, entry_point in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry_point)
