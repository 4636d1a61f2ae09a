"""The containers' files name what is there: no image is built, for that takes a builder."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docker").glob("Dockerfile*"))
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_dockerfile_copies_what_is_there_and_ends_as_no_administrator(file):
    text = file.read_text()
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.M):
        assert all((ROOT / name).exists() for name in sources.split())
    assert set(re.search(r"^ARG EXTRAS=(.*)$", text, re.M)[1].split(",")) <= set(EXTRAS)
    assert re.findall(r"^USER (.*)$", text, re.M)[-1] not in ("root", "0")
    assert all(f'"/{name}"' in text for name in ("work", "out"))


def test_the_wheel_of_the_containers_has_every_package():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    for file in FILES:
        copied = set(re.findall(r"^COPY (\w+) \w+$", file.read_text(), re.M))
        assert {*packages["wheel"]["packages"], "datasets"} <= copied


def test_compose_starts_server_and_worker_of_the_pool_that_is_registered():
    told = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    assert {"database", "server", "register", "worker"} == set(told)
    assert (
        ROOT / "docker" / told["worker"]["build"]["context"] / told["worker"]["build"]["dockerfile"]
    ).is_file()
    pools = {
        d["work_pool"]["name"] for d in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }
    assert pools == {told["worker"]["entrypoint"][-1]}
    assert told["server"]["ports"] == ["127.0.0.1:4200:4200"]  # nobody else may start flows
    assert {v.split(":")[1] for v in told["worker"]["volumes"]} == {"/out", "/work"}
