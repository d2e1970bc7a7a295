"""From recorded episodes to what a training step reads: canvases, actions, prompts, latents."""
