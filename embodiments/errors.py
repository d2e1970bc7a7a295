"""The one exception that this package raises for wrong use."""


class EmbodimentError(ValueError):
    """Wrong use of an embodiment. The message is one sentence: what was wrong, what was expected, what to do."""
