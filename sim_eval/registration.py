"""The names under which Gymnasium makes our environments."""

ENVIRONMENTS = {
    "CosmosPolicy/Robosuite-v0": {
        "entry_point": "sim_eval.physics.gymnasium_environment:RobosuiteEnvironment",
        "vector_entry_point": "sim_eval.physics.vector_environment:RobosuiteVectorEnvironment",
    },
    "CosmosPolicy/WorldModel-v0": {
        "entry_point": "sim_eval.world_model.environment:WorldModelEnvironment",
        "vector_entry_point": "sim_eval.world_model.vector_environment:WorldModelVectorEnvironment",
    },
}


def register_environments() -> None:
    """Tells Gymnasium the names; the modules behind them are imported by ``gymnasium.make``. Twice is harmless."""
    import gymnasium

    for name, entry_points in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, **entry_points)
