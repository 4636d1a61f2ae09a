"""Names the versions of the libraries that results depend on."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

# One library that is distributed in several builds of the same files.
BUILDS = {
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
}


def installed(names: Iterable[str]) -> dict[str, str]:
    """{distribution: version} of those of `names` that are installed; a library in whichever build it is."""
    found = {}
    for name in names:
        for build in (name, *BUILDS.get(name, ())):
            try:
                found[name] = version(build)
                break
            except PackageNotFoundError:
                continue
    return found
