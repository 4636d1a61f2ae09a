"""palmforge in parts: what the wheel holds, what a bare installation does, how what is missing is named."""

import json
import pickle
import re
import subprocess
import sys
import zipfile

import pytest

from manifests.extras import MissingExtraError, installed, missing, parts
from tests.helpers.parts import PROJECT, ROOT, brought, palmforge, run

HEAVY = {"torch", "torchvision", "prefect", "mediapipe", "scipy", "scikit-learn", "ai-edge-litert", "s3fs"}
TINY = [
    "--engine.name", "renderer", "--dataset.identities", "12", "--dataset.captures", "2",
    "--dataset.size", "96", "--dataset.views", "palm", "--engine.workers", "2",
]  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without the network: hatchling is a dependency of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder that is no clone, in which a bare installation built the quickstart recipe."""
    folder = tmp_path_factory.mktemp("bare")
    code, said = palmforge(folder, "build", "quickstart", *TINY)
    assert code == 0, said
    return folder


def test_the_wheel_holds_recipes_weights_and_pages_and_no_folder_datasets(wheel):
    assert wheel.stat().st_size <= 25e6
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
        metadata = held.read(next(n for n in names if n.endswith("METADATA"))).decode()
    for file in (ROOT / "datasets").iterdir():
        assert f"manifests/recipe/shipped/{file.name}" in names
    for top in ("flows", "tasks", "palm_models", "manifests"):
        ours = {
            f.relative_to(ROOT).as_posix()
            for f in (ROOT / top).rglob("*") if f.is_file() and "__pycache__" not in f.parts
        }  # fmt: skip
        assert ours <= names
    assert {n.partition("/")[0] for n in names} == {
        "flows", "tasks", "palm_models", "manifests", f"palmforge-{PROJECT['version']}.dist-info"
    }  # fmt: skip
    assert set(re.findall(r"Provides-Extra: (.*)", metadata)) >= {
        "torch", "photographs", "augment", "prefect", "s3", "hub", "train", "all"
    }  # fmt: skip


def test_a_bare_installation_brings_nothing_heavy():
    assert not brought() & HEAVY
    assert brought("torch") >= {"torch", "scipy"} and "ai-edge-litert" in brought("photographs")


def test_a_bare_installation_builds_judges_reads_and_draws_again(home):
    version = next(home.glob("out/quickstart/*/manifest.parquet")).parent
    for verb in (["verify", version], ["show", version], ["regenerate", version, "--random", "2"],
                 ["select", version, "identity_skin_tone is not null", "--out", home / "view"],
                 ["plan", "quickstart"], ["doctor"]):  # fmt: skip
        code, said = palmforge(home, *verb)
        assert code == 0, said
    facts = json.loads((version / "measures.json").read_text())
    assert "verification" in facts and facts["encoder"]  # judged and measured by the encoder
    code = f"""
from manifests.read import PalmDataset
data = PalmDataset({str(version)!r}, image="numpy", columns=["identity_score"])
images = data.batch([0, 1])["image"]
assert images.shape == (2, 96, 96, 3) and data[0]["identity_score"] > 0
"""
    run(code, home)


def test_a_gate_that_lacks_its_part_is_said_and_recorded(tmp_path):
    code, said = palmforge(tmp_path, "build", "quickstart", *TINY, "--dataset.views", "palm,hand",
                           "--dataset.hand_size", "96", "--dataset.identities", "4")  # fmt: skip
    reason = "this needs ai_edge_litert: pip install 'palmforge[photographs]'"
    assert code == 0 and f"the gate hand does not judge: {reason}" in said
    version = next(tmp_path.glob("out/quickstart/*/measures.json")).parent
    assert json.loads((version / "measures.json").read_text())["not_judged"]["hand"] == reason
    assert "no: this needs ai_edge_litert" in (version / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["build", "quickstart", "--engine.name", "diffusion"], "torch"),
        (["build", "human_palms"], "torch,photographs,train"),
        (["build", "quickstart", "--source.kind", "folder", "--source.path", "."], "photographs"),
        (["align", ".", "--out", "aligned"], "photographs"),
        (["evaluate", "out/quickstart", "--recogniser", "palmnet"], "train"),
        (["build", "quickstart", "--set", 'augment.transforms=[{name="Blur"}]'], "augment"),
        (["build", "quickstart", "--engine.runner", "dask"], "prefect"),
        (["deploy"], "prefect"),
        (["run", "build-dataset"], "prefect"),
        (["verify", "s3://bucket/palms"], "s3"),
        (["verify", "hf://datasets/somebody/palms"], "hub"),
        (["push", "out/quickstart", "hf://datasets/somebody/palms"], "hub"),
        (["export", "out/quickstart", "--to", "lance", "--out", "lance"], "lance"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_the_extra_that_brings_it(arguments, extra, home):
    code, said = palmforge(home, *arguments, extras=("torch",) if extra == "train" else ())
    assert code == 1 and "Traceback" not in said, said
    assert re.search(rf"error: this needs [\w ]+: pip install 'palmforge\[{extra}\]'", said), said


def test_tensors_and_loaders_name_torch_and_remain_errors_of_imports(home):
    code = """
import manifests.read
from manifests.words import PalmforgeError
data = manifests.read.PalmDataset("out/quickstart")
stream = lambda: manifests.read.PalmStream
for ask in (lambda: data[0], lambda: data.batch([0]), lambda: data.loader(), stream):
    try:
        ask()
    except PalmforgeError as error:
        assert isinstance(error, ImportError)
        assert str(error) == "this needs torch: pip install 'palmforge[torch]'"
    else:
        raise SystemExit("nothing was raised")
"""
    run(code, home)


def test_help_loads_nothing_that_takes_long(tmp_path):
    code = """
import sys, flows.cli.main
loaded = {"pydantic", "numpy", "pyarrow", "cv2", "matplotlib", "duckdb", "torch", "prefect"}
assert not loaded & set(sys.modules), loaded & set(sys.modules)
"""
    run(code, tmp_path)


def test_the_smallest_extra_is_named_and_other_modules_are_not_ours():
    assert "[torch]" in str(missing(ModuleNotFoundError(name="torch._C")))
    assert "[photographs]" in str(missing(ModuleNotFoundError(name="ai_edge_litert.interpreter")))
    assert missing(ModuleNotFoundError(name="something_else")) is None and missing(ValueError()) is None
    installed("json", "numpy")
    assert {"torch", "photographs", "all"} <= set(parts())
    told = pickle.loads(pickle.dumps(missing(ModuleNotFoundError(name="torch"))))
    assert isinstance(told, MissingExtraError) and "pip install" in str(told)
