"""Names the code and the libraries that draw pictures, so that a version says what its bytes depend on."""

import platform
from collections.abc import Mapping
from typing import Any

from tasks.draw.shards import CODE
from tasks.engines.registry import ENGINES
from tasks.work.closure import HERE
from tasks.work.libraries import installed

LIBRARIES = ("palmforge", "numpy", "torch", "opencv-python", "pillow", "albumentations")


def software(engine: str = "") -> dict[str, str]:
    """Digest of the code that `engine` draws with, and the versions of Python, libraries and kind of machine.

    Where none is named, of every engine's code: so 0.1.0 told it.
    """
    names = [engine] if engine in ENGINES else list(ENGINES.ours)
    engines = [module for name in names for module in ENGINES.get(name).modules()]
    found = {
        **({"engine": engine} if engine else {}),
        "code": HERE.digest(*CODE, *engines)[:16],
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    return found | installed(LIBRARIES)


def changes(recorded: Mapping[str, Any]) -> list[str]:
    """What differs between the software that `recorded` names and this one, a line each."""
    if not recorded:
        return ["the version does not say which software drew it: it is older than this palmforge"]
    here = software(str(recorded.get("engine", "")))
    names = dict.fromkeys([*recorded, *here])
    return [
        f"{name}: {recorded.get(name, 'absent')} then, {here.get(name, 'absent')} now"
        for name in names
        if recorded.get(name) != here.get(name)
    ]
