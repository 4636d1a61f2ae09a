"""What can be measured of palms: likeness, quality, realism, error rates."""
