"""What is not installed is named with the extra of palmforge that brings it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from manifests.words import PalmforgeError

MODULES = {
    "lance": "pylance",
    "c2pa": "c2pa-python",
}  # what is called otherwise on the registry
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*extra == ['\"]([\w-]+)['\"]")


class MissingExtraError(PalmforgeError, ModuleNotFoundError):
    """A part of palmforge that is not installed; its text says how it is."""


@contextmanager
def naming_extras() -> Iterator[None]:
    """A module that fails to be imported within, and that an extra brings, becomes a MissingExtraError."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (lacking := missing(error)) is None:
            raise
        raise lacking from error


def installed(*modules: str) -> None:
    """Raise MissingExtraError that names every extra which those of third parties' modules need that lack."""
    lacking: dict[str, str] = {}
    for module in modules:
        if find_spec(module) is None and (extra := _extras().get(_distribution(module))):
            lacking.setdefault(extra, module)
    if lacking:
        raise _error(lacking)


def missing(error: BaseException) -> MissingExtraError | None:
    """What is said of a module that is not there; None for other errors, and where no extra brings it."""
    if isinstance(error, MissingExtraError):
        return error
    if not isinstance(error, ModuleNotFoundError):
        return None
    module = (error.name or "").partition(".")[0]
    extra = _extras().get(_distribution(module))
    if extra is None:
        return None
    return _error({extra: module})


def _error(lacking: Mapping[str, str]) -> MissingExtraError:
    """What to say of extras, each with a module that it brings."""
    modules = " and ".join(lacking.values())
    advice = f"this needs {modules}: pip install 'palmforge[{','.join(lacking)}]'"
    return MissingExtraError(advice, name=next(iter(lacking.values())))


def parts() -> dict[str, list[str]]:
    """Each extra with the distributions it brings that are not installed here."""
    return {extra: [name for name in brought if not _is_there(name)] for extra, brought in _brought().items()}


def _is_there(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


@cache
def _brought() -> dict[str, list[str]]:
    """What each extra brings, as the installed palmforge declares it."""
    brought: dict[str, list[str]] = {}
    try:
        declared = requires("palmforge") or ()
    except PackageNotFoundError:  # run from a folder that was never installed
        return {}
    for requirement in filter(None, map(REQUIREMENT.match, declared)):
        if (name := _distribution(requirement[1])) != "palmforge":
            brought.setdefault(requirement[2], []).append(name)
    return brought


@cache
def _extras() -> dict[str, str]:
    """The smallest extra that brings each distribution: some extras hold others."""
    large_first = sorted(_brought().items(), key=lambda item: -len(item[1]))
    return {name: extra for extra, brought in large_first for name in brought}


def _distribution(name: str) -> str:
    return re.sub(r"[-_.]+", "-", MODULES.get(name, name)).lower()
