"""The reader under its name of 0.1.0, for training jobs that import it; new code imports manifests.read."""

from manifests.read.dataset import PalmDataset

__all__ = ["PalmDataset"]
