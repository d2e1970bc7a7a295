"""The generator: pictures, videos and sound from words, pictures and videos.

A :class:`~cosmos_policy.types.GenerateRequest` is checked against what the model was trained on (``checks``,
``formats``), its pictures are brought to size (``pictures``, ``controls``), its words get their sentences about size
and length (``prompts``), and it becomes one or several requests to an engine (``jobs``), whose answers become
:class:`~cosmos_policy.types.Media` (``run``). ``upsampling`` writes short prompts out.
"""

from cosmos_policy.generator.formats import ASPECT_RATIOS, FRAME_RATES_HZ, LONGEST, SHORTEST, SIZES, TIERS

__all__ = ["ASPECT_RATIOS", "FRAME_RATES_HZ", "LONGEST", "SHORTEST", "SIZES", "TIERS"]
