"""Importing our modules changes nothing in the process that imports them."""

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import importlib, json, logging, os, signal, warnings
import cv2, torch
for name in LIBRARIES:  # what other people's libraries do to a process when they are loaded is theirs
    importlib.import_module(name)

def ours(thing):
    where = getattr(thing, "__module__", "") if callable(thing) else type(thing).__module__
    return where.split(".")[0] in ("flows", "tasks", "palm_models", "manifests")

def world():
    loggers = [x for x in logging.Logger.manager.loggerDict.values() if isinstance(x, logging.Logger)]
    root = logging.getLogger()
    return {
        "cv2 threads": cv2.getNumThreads(),
        "torch threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "environment": dict(os.environ),
        "log filters": {x.name: repr(f) for x in [root, *loggers] for f in x.filters if ours(f)},
        "log handlers": {x.name: repr(h) for x in [root, *loggers] for h in x.handlers if ours(h)},
        "log levels": [root.level, logging.getLogger("palmforge").level, root.disabled],
        "warnings": list(map(repr, warnings.filters)),
        "signals": [repr(signal.getsignal(s)) for s in signal.valid_signals()],
        "folder": os.getcwd(),
    }

before = world()
for name in MODULES:
    importlib.import_module(name)
after = world()
print(json.dumps({k: [before[k], after[k]] for k in before if before[k] != after[k]}))
"""
LIBRARIES = [
    "prefect", "prefect_dask", "distributed", "mediapipe", "accelerate", "matplotlib.pyplot", "ema_pytorch",
    "denoising_diffusion_pytorch", "sklearn.metrics", "pandas", "pyarrow.parquet",
    "ai_edge_litert.interpreter", "requests",
]  # fmt: skip


def modules():
    found = []
    for top in ("flows", "tasks", "palm_models", "manifests"):
        walk = pkgutil.walk_packages([str(ROOT / top)], f"{top}.")
        found += [top, *(m.name for m in walk)]
    return found


def test_importing_every_module_leaves_the_process_as_it_was(tmp_path):
    names = modules()
    assert len(names) > 150  # none was overlooked
    code = f"LIBRARIES, MODULES = {LIBRARIES!r}, {names!r}\n{PROBE}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path)}
    environment |= {"OMP_NUM_THREADS": "2", "OPENCV_FOR_THREADS_NUM": "2", "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}
