"""The steps: one verb a file."""

from manifests.moved import find_moved

find_moved()  # scripts of 0.1.0 import modules where they lay then
