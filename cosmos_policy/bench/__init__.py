"""Measuring: how long each stage of a call takes here, against diffusers and against what the chip could do at best."""
