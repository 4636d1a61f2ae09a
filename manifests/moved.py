"""Finds modules by the names that they had in 0.1.0, before they moved into packages, for scripts of then."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tasks", "palm_models", "manifests")
RENAMED = {  # those whose own name does not find them: renamed, or there are two of it now
    "manifests.baselines": "manifests.recipe.baseline_sections",
    "manifests.options": "manifests.recipe.table",
    "manifests.parts": "manifests.publish.parts",
    "manifests.recipe_errors": "manifests.recipe.errors",
    "manifests.verification": "manifests.publish.pairs",
    "palm_models.baseline": "palm_models.engines.baselines.common",
    "palm_models.camera": "palm_models.render.camera",
    "palm_models.capture": "palm_models.hand.capture",
    "palm_models.diffusion": "palm_models.engines.diffusion.engine",
    "palm_models.engine": "palm_models.engines.base",
    "palm_models.identity": "palm_models.hand.identity",
    "palm_models.network": "palm_models.engines.diffusion.network",
    "palm_models.priors": "palm_models.hand.priors",
    "palm_models.scenery": "palm_models.render.scenery",
    "palm_models.skin": "palm_models.render.skin",
    "tasks.archives": "tasks.photographs.sources.archive",
    "tasks.contact_sheet": "tasks.report.sheets",
    "tasks.duplicates": "tasks.photographs.duplicates",
    "tasks.evaluation": "tasks.evaluate.results",
    "tasks.gates": "tasks.judge.thresholds",
    "tasks.generate": "tasks.draw.shards",
    "tasks.judge_decide": "tasks.judge.decide",
    "tasks.judge_gallery": "tasks.judge.gates.gallery",
    "tasks.judge_rejects": "tasks.judge.rejects",
    "tasks.judge_scores": "tasks.judge.score",
    "tasks.one": "tasks.draw.individual",
    "tasks.palms": "tasks.train.batches",
    "tasks.photos": "tasks.photographs.examine",
    "tasks.remote_source": "tasks.photographs.sources.remote",
    "tasks.sources": "tasks.photographs.sources.source",
    "tasks.train_ddpm": "tasks.train.ddpm_tps",
    "tasks.train_encoder": "tasks.judge.encoder",
    "tasks.train_wgan": "tasks.train.wgan_gp",
}
TAKEN = {"tasks.ingest": {"ingest": "ingest_source"}}  # what was taken from a module, and is called so now


class _Finder(MetaPathFinder):
    """Asked last, when nothing else knows a module: `tasks.align` is `tasks.photographs.align` by now."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec that leads to where the module lies now; None when it is none of ours."""
        package, _, name = fullname.partition(".")
        if package not in PACKAGES or not name.isidentifier():
            return None
        now = RENAMED.get(fullname) or _only(package, name)
        return ModuleSpec(fullname, _Moved(now)) if now else None


class _Moved(Loader):
    """Hands out the one module under both of its names."""

    def __init__(self, now: str) -> None:
        self.now = now

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, imported by its name of today."""
        warnings.warn(f"{spec.name} is {self.now} since 0.2.0", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(self.now)
        self.spec = module.__spec__
        for name, now in TAKEN.get(spec.name, {}).items():
            setattr(module, name, getattr(module, now))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It ran when it was imported; it keeps the spec that it had."""
        module.__spec__ = self.spec


def _only(package: str, name: str) -> str:
    """The one module of this name in a package, "" when there is none or several."""
    found = list((ROOT / package).rglob(f"{name}.py"))
    return ".".join(found[0].relative_to(ROOT).with_suffix("").parts) if len(found) == 1 else ""


def find_moved() -> None:
    """Let the names of 0.1.0 be imported in this process; once is enough, again does no harm."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
