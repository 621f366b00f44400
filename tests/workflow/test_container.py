"""The recipes of containers agree with the files they copy and with the pinned packages; no container is made."""

import fnmatch
import json
import re
import shutil
import tomllib

import pytest
import yaml

from checkout import MADE_ANEW, PARTS, ROOT, Checkout

DOCKERFILE = (ROOT / "Dockerfile").read_text()
APPTAINER = (ROOT / "envs/orandnet.def").read_text()
# instruction -> its arguments, lines that go on joined
STEPS = [
    (name, " ".join(rest.replace("\\\n", " ").split()))
    for name, rest in re.findall(r"^([A-Z]+) ((?:.*\\\n)*.*)$", DOCKERFILE, flags=re.MULTILINE)
]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def copied() -> list[tuple[str, str]]:
    """Return (path in the project, folder in the image under the project's) of everything that is copied."""
    pairs = []
    for *sources, target in map(str.split, arguments("COPY")):
        pairs += [(source, target.removeprefix("./")) for source in sources]
    return pairs


def test_all_environments_have_one_python_and_the_containers_one_base_and_one_compiler():
    (base,) = arguments("FROM")
    assert f"From: {base}\n" in APPTAINER
    python = re.fullmatch(r"python:([\d.]+)-slim-\w+", base)[1]
    assert f"python ={python}" in yaml.safe_load((ROOT / "envs/orandnet.yaml").read_text())["dependencies"]
    install = "apt-get install --yes --no-install-recommends g++"
    assert any(f"{install} &&" in step for step in arguments("RUN"))
    assert f"{install}\n" in APPTAINER


def test_all_containers_install_the_lock():
    installs = [step for step in arguments("RUN") if "pip install" in step]
    assert "-r envs/requirements.txt" in installs[0]
    assert "--no-deps" in installs[1]  # the package alone: whatever it needs has the version of the lock
    assert len(installs) == 2
    assert "-r /opt/requirements.txt" in APPTAINER
    assert "envs/requirements.txt /opt/requirements.txt" in APPTAINER


def test_what_is_copied_is_there_and_is_sent_to_the_builder():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = {source for source, _ in copied()}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) or source.startswith(f"{pattern}/") for pattern in kept), source
    assert set(kept) == {source.split("/")[0] for source in sources}
    assert set(PARTS) <= sources
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["readme"] in sources


def test_the_order_of_steps_gives_each_what_it_needs():
    names = [f"{name} {rest}" for name, rest in STEPS]
    at = [
        next(i for i, step in enumerate(names) if text in step)
        for text in (
            "apt-get",
            "COPY envs/requirements.txt",
            "-r envs/requirements.txt",
            "COPY workflow",
            "--editable .",
        )
    ]
    assert at == sorted(at)


@pytest.mark.pipeline
def test_the_image_s_files_alone_list_the_jobs_from_another_folder(tmp_path):
    home = tmp_path / "orandnet"
    for source, target in copied():
        place = home / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=MADE_ANEW, dirs_exist_ok=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)
    (entry,) = map(json.loads, arguments("ENTRYPOINT"))
    assert entry[0] == "snakemake"
    snakefile = str(tmp_path) + entry[entry.index("--snakefile") + 1]
    project = Checkout(tmp_path / "work")
    jobs = project.planned("--snakefile", snakefile, "--configfile", "tiny.yaml")
    assert jobs == project.planned("--configfile", "tiny.yaml")


def test_a_tag_builds_the_image():
    job = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())
    assert job[True]["push"] == {"tags": ["v*"]}  # YAML 1.1 reads the key `on` as true
    commands = [step["run"] for step in job["jobs"]["build"]["steps"] if "run" in step]
    assert commands[0].startswith("docker build ")
