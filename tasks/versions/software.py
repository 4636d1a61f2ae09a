"""Names the code and the libraries that draw pictures, so that a version says what its bytes depend on."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tasks.work.stage import code_digest

LIBRARIES = ("palmforge", "numpy", "torch", "opencv-python", "pillow", "albumentations")
DRAWING = ("palm_models", "tasks/draw/samples.py", "tasks/draw/augment.py", "manifests/contract/images.py")


def software() -> dict[str, str]:
    """Digest of the drawing code, and the versions of Python, of the libraries and of the kind of machine."""
    found = {
        "code": code_digest(*DRAWING),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def changes(recorded: Mapping[str, Any]) -> list[str]:
    """What differs between the software that `recorded` names and this one, a line each."""
    if not recorded:
        return ["the version does not say which software drew it: it is older than this palmforge"]
    here = software()
    names = dict.fromkeys([*recorded, *here])
    return [
        f"{name}: {recorded.get(name, 'absent')} then, {here.get(name, 'absent')} now"
        for name in names
        if recorded.get(name) != here.get(name)
    ]
