"""Refuses in a moment what would fail after hours: what a recipe asks for and this machine cannot give."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

from manifests.extras import installed
from manifests.files.layout import PublishError, check_writable
from manifests.files.remote import is_remote
from manifests.publish.sign import signer
from manifests.recipe import Recipe, RecipeError
from palm_models.photo.litert import FINDING
from tasks.draw.prepare import check
from tasks.engines.registry import engine_of
from tasks.photographs.sources.registry import source_kind
from tasks.work.moment import moment


def ready(recipe: Recipe) -> Recipe:
    """The recipe, once nothing stands in its way here that can be known without a request or an engine.

    Beside what `possible` looks at, whether `work` and `out` can be written and a version can be signed.
    Raises RecipeError, SourceError, AugmentError or SignError that says what to do.
    """
    possible(recipe)
    moment()
    writable("work", Path(recipe.work))
    if not is_remote(recipe.out):
        writable("out", recipe.home)
    if recipe.publish.sign and not recipe.publish.unsigned:
        signer(recipe.publish.certificate, recipe.publish.key).check()
    return recipe


def possible(recipe: Recipe) -> Recipe:
    """The recipe, once its controls, transforms, photographs, checkpoint, hand model and GPU are at hand.

    Raises RecipeError, SourceError, AugmentError or MissingExtraError that says what to do.
    """
    installed(*_parts(recipe))
    check(recipe)
    kind = source_kind(recipe)
    kind.look(kind.spec(recipe))
    for look in (_checkpoint, _model, _device):
        if trouble := look(recipe):
            raise RecipeError(trouble)
    return recipe


def _parts(recipe: Recipe) -> Iterator[str]:
    """Third parties' modules that the recipe needs."""
    engine, source = engine_of(recipe), source_kind(recipe)
    yield from (*engine.requires, *source.requires)
    yield from engine.trains_with if engine.learned and recipe.train.checkpoint == "train" else ()
    yield from FINDING if source.gives else ()
    yield from ("albumentations",) if recipe.augment.transforms else ()
    yield from ("distributed", "prefect_dask") if recipe.engine.runner == "dask" else ()


def _checkpoint(recipe: Recipe) -> str:
    folder = engine_of(recipe).weights(recipe)
    if folder is None or recipe.train.checkpoint == "shipped":
        return ""
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).is_file()]
    if not missing:
        return ""
    return (
        f"train.checkpoint = {folder}: no {' and no '.join(missing)} there; name the folder that "
        '`palmforge train` printed, or set "train" or "shipped"'
    )


def _model(recipe: Recipe) -> str:
    given = recipe.align.model
    if not given or Path(given).is_file():
        return ""
    return f"no hand model at align.model = {given}; leave it empty for the one made at set-up"


def _device(recipe: Recipe) -> str:
    if recipe.engine.device == "cpu" or recipe.engine.runner != "local" or _has_gpu():
        return ""
    return (
        f"engine.device = {recipe.engine.device}, and no NVIDIA GPU is found here (`nvidia-smi`): "
        "set engine.device to cpu, or install its driver"
    )


def _has_gpu() -> bool:
    """Asks the driver, not torch: importing that takes seconds."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        return bool(driver.cuInit(0) == 0 == driver.cuDeviceGetCount(ctypes.byref(count)) < count.value)
    except (OSError, AttributeError):
        return False


def writable(name: str, folder: Path) -> None:
    """Raise RecipeError when nothing can be written in `folder`; leaves none that was not there before."""
    first = next((p for p in (folder.absolute(), *folder.absolute().parents) if p.exists()), Path("/"))
    try:
        check_writable(folder)
    except PublishError as error:
        raise RecipeError(f"{name}: {error}") from None
    for made in (folder.absolute(), *folder.absolute().parents):
        if made == first or any(made.iterdir()):
            return
        made.rmdir()
