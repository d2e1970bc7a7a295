"""The denoising engine: model-space tensors in, model-space tensors out. It knows no robot."""
