"""How a photograph is read: decoded, its hands and landmarks found."""
