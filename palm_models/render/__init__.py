"""How a hand looks: surface, light, camera, scene."""
