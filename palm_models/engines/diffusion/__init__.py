"""The diffusion engine: rendered pictures drawn anew as real skin."""
