"""The contract: columns of the manifest, and how a picture becomes bytes."""
