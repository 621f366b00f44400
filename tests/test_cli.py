"""The command line: options from signatures, one-line errors, manifests, and imports that are not paid for in vain."""

import hashlib
import json
import shutil
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest
from pydantic import Field

from orandnet import cli
from orandnet.files.manifest import input_hashes, manifest_path, training_key
from orandnet.networks.device import select_device
from orandnet.options import description, make_parser
from orandnet.settings import Section
from random_cams import random_shard

PACKAGE = Path(cli.__file__).parent


class Tiny(Section):
    """Settings of the command below."""

    rate: float = Field(0.5, gt=0, description="a number")
    names: tuple[str, ...] = Field((), description="some text")


def command(
    *,
    cams: list[Path],
    members: list[str],
    output: Path,
    settings: Tiny,
    state: Path,
    key: str,
    curve: Path | None = None,
    split: str = "train",
    threads: int = 1,
    threshold: float = 0.25,
) -> None:
    """Do something with 100 % of the CAMs.

    Args:
        cams: shards, 50 % of
            them each.
        threshold: of the background.

    Raises:
        ValueError: always.
    """


def parse(*arguments):
    parser = make_parser("orandnet test", command)
    return vars(parser.parse_args(arguments))


REQUIRED = ("--cams", "a", "b", "--members", "x", "--output", "o", "--settings", "{}")


def test_every_parameter_becomes_an_option_of_its_type():
    values = parse(*REQUIRED, "--curve", "c.csv", "--threads", "3", "--threshold", "1e-1", "--split", "val")
    assert values == {
        "cams": [Path("a"), Path("b")],
        "members": ["x"],
        "output": Path("o"),
        "settings": Tiny(),
        "curve": Path("c.csv"),
        "split": "val",
        "threads": 3,
        "threshold": 0.1,
    }


def test_defaults_come_from_the_signature_and_a_list_may_be_empty():
    values = parse("--cams", "--members", "x", "--output", "o", "--settings", '{"rate": 2}')
    assert values["cams"] == []
    assert values["settings"] == Tiny(rate=2)
    assert (values["curve"], values["split"], values["threads"], values["threshold"]) == (None, "train", 1, 0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (REQUIRED[:-2], "required: --settings"),
        ((*REQUIRED, "--colour", "red"), "unrecognized arguments: --colour"),
        ((*REQUIRED, "--treads", "2"), "unrecognized arguments: --treads 2; did you mean --threads?"),
        ((*REQUIRED, "--thre", "2"), "unrecognized arguments: --thre 2; did you mean --threads?"),
        ((*REQUIRED, "--key", "k"), "unrecognized arguments: --key"),
        ((*REQUIRED, "--threads", "many"), "--threads: invalid int value: 'many'"),
        ((*REQUIRED[:-1], '{"rate": 0}'), "--settings: rate: Input should be greater than 0"),
        ((*REQUIRED[:-1], '{"rat": 1}'), "--settings: rat: unknown key; did you mean 'rate'?"),
        ((*REQUIRED[:-1], "{rate"), "--settings: config: Invalid JSON"),
    ],
)
def test_what_cannot_be_read_is_named_with_exit_code_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        parse(*arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def run(*arguments):
    """Run the command line in this process; return its exit code."""
    try:
        cli.main(list(map(str, arguments)))
    except SystemExit as stopped:
        return stopped.code
    return 0


def test_help_says_what_a_command_does_and_each_option_from_the_docstring_alone():
    text = " ".join(make_parser("orandnet test", command).format_help().split())
    assert "Do something with 100 % of the CAMs. options:" in text
    assert "--cams [CAMS ...] shards, 50 % of them each. --members" in text
    assert "Raises" not in text


def test_every_option_of_every_command_has_a_line_of_help():
    modules = [cli.TOOL_MODULES.get(name, f"{name}.stage") for name in (*cli.STAGES, *cli.TOOLS)]
    for module in (*modules, *cli.BY_OPTION.values()):
        for function in import_module(f"orandnet.{module}").COMMANDS.values():
            actions = make_parser(module, function)._actions
            assert [action.dest for action in actions if not action.help] == [], (module, function.__name__)
            assert description(function)


def test_help_lists_all_stages_and_unknown_ones_are_refused(capsys):
    assert run() == run("--help") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed == [*cli.STAGES, *cli.TOOLS] * 2
    assert run("fusoin") == 2
    assert "there is no command 'fusoin'; did you mean 'fusion'?" in capsys.readouterr().err
    assert run("xyz") == 2
    assert "choose dataset, classifier, " in capsys.readouterr().err
    assert run("irn", "wolk") == 1
    assert "there is no command 'wolk'; did you mean 'walk'?" in capsys.readouterr().err
    assert run("where", "config.yaml") == 1
    assert "there is no command 'config.yaml'" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"orandnet {metadata.version('orandnet')}\n"


@pytest.mark.parametrize("stage", ["evaluation", "report"])
def test_a_stage_with_several_commands_names_them(capsys, stage):
    assert run(stage, "--help") == 0
    assert "commands: " in capsys.readouterr().out
    assert run(stage) == 1
    assert f"orandnet {stage}: give one of its commands: " in capsys.readouterr().err


@pytest.fixture
def fusion(tmp_path):
    """Arguments that fuse two members, and the folder of the outputs."""
    shards = [random_shard(tmp_path / name / "1-of-1.npz", ["a", "b"]) for name in ("cnn", "vit")]
    folder = tmp_path / "new" / "fusion"
    outputs = {name: folder / name / "1-of-1.npz" for name in ("or", "and", "mean")}
    arguments = ["fusion", "--members", "cnn", "vit", "--cams", *shards, "--settings", '{"offsets": {"vit": 0.15}}']
    for name, path in outputs.items():
        arguments += [f"--{name}-output", path]
    return arguments, shards, outputs


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_manifest_tells_what_was_made_from_what_and_at_what_cost(fusion):
    arguments, shards, outputs = fusion
    assert run(*arguments) == 0
    manifest = json.loads((outputs["or"].parent / "1-of-1.manifest.json").read_text())
    assert manifest["stage"] == "fusion"
    assert manifest["settings"] == {"settings": {"and": "product", "offsets": {"vit": 0.15}, "clip": True}}
    assert manifest["inputs"] == {"cams": {str(path): sha256(path) for path in shards}}
    assert manifest["outputs"] == {str(path): sha256(path) for path in outputs.values()}
    assert manifest["options"] == {"members": ["cnn", "vit"]}
    assert len(manifest["code"]) == 16
    assert manifest["random_seed"] is None
    assert manifest["versions"].keys() >= {"python", "numpy", "torch"}
    assert manifest["wall_seconds"] >= 0
    assert manifest["peak_memory_mib"] > 10
    assert 0 < manifest["start_cpu_seconds"] <= manifest["cpu_seconds"]
    assert manifest["device"]


def test_a_problem_with_the_input_is_one_line_and_exit_code_1(fusion, capsys, monkeypatch):
    arguments, shards, outputs = fusion
    shards[1].unlink()
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.err == f"orandnet fusion: --cams: no file {shards[1]}; make it first.\n"
    assert captured.out == ""
    assert not outputs["or"].exists()
    monkeypatch.setenv("ORANDNET_TRACEBACK", "1")
    with pytest.raises(ValueError, match="make it first"):
        run(*arguments)


class Recorder:
    """Stands for a training stage: notes what it was called with, and writes its output."""

    def __init__(self):
        self.calls = []

    def command(self):
        def train(*, index: Path, output: Path, state: Path, key: str, random_seed: int = 0, threads: int = 1) -> None:
            self.calls.append((state, key))
            output.write_text("weights")

        return {"": train}


def test_a_training_gets_a_place_for_its_state_and_a_key_that_tells_it_from_others(tmp_path, monkeypatch):
    recorder = Recorder()
    stage = type(sys)("orandnet.classifier.stage")
    stage.COMMANDS = recorder.command()
    stage.COMMANDS[""].__module__ = "orandnet.fusion.stage"
    monkeypatch.setattr(cli, "import_module", lambda name: stage)
    index, output = tmp_path / "index.csv", tmp_path / "results" / "weights.safetensors"
    index.write_text("1")
    arguments = ["classifier", "--index", index, "--output", output]
    prepared = []
    monkeypatch.setattr(cli, "take_gpus", lambda count: prepared.append(count) or [])
    monkeypatch.setattr(cli, "set_time_limit", prepared.append)
    for changes in ([], ["--threads", "4", "--gpus", "2", "--time-limit", "600"], ["--random-seed", "1"]):
        assert run(*arguments, *changes) == 0
    assert prepared == [600, 2]
    index.write_text("2")
    assert run(*arguments) == 0
    states, keys = zip(*recorder.calls, strict=True)
    assert set(states) == {output.parent / ".state"}
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_keys_do_not_depend_on_the_order_of_facts():
    assert training_key({"a": 1, "b": Path("x")}) == training_key({"b": Path("x"), "a": 1})
    assert training_key({"a": 1}) != training_key({"a": 2})


def test_manifests_lie_beside_their_artifact():
    assert manifest_path(Path("a/weights.safetensors")) == Path("a/weights.manifest.json")
    assert manifest_path(Path("a/2-of-8.npz")) == Path("a/2-of-8.manifest.json")


def test_a_missing_input_is_named_by_its_option(tmp_path):
    with pytest.raises(ValueError, match=r"--and-cams: no file .*x.npz; make it first"):
        input_hashes({"and_cams": [tmp_path / "x.npz"]})


@pytest.mark.parametrize(("name", "problem"), [("tpu7", "is unknown; use auto"), ("cuda:99", "no GPU|not there")])
def test_a_device_that_is_not_there_is_named(name, problem, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert select_device("auto").type == "cpu"
    with pytest.raises(ValueError, match=f"^device: '{name}' .*({problem})"):
        select_device(name)


PROBE = """
import sys
from orandnet import cli
for stage in {stages}:
    try:
        cli.main([stage, "--help"])
    except SystemExit as stopped:
        assert stopped.code in (0, None), stage
heavy = {{"torch", "torchvision", "timm"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_help_of_the_stages_without_networks_does_not_wait_for_torch():
    stages = ["dataset", "fusion", "pseudo_mask", "evaluation", "report", "export", "reference"]
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(stages=stages)],
        env={"PYTHONPATH": str(PACKAGE.parent), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--or-output" in done.stdout


def test_the_folder_runs_from_anywhere_without_being_installed(tmp_path):
    done = subprocess.run([sys.executable, str(PACKAGE), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: orandnet <stage>" in done.stdout


def test_a_command_hands_on_all_it_prints_and_how_it_ended(tmp_path):
    """The process ends without being taken apart, so nothing may be left in its buffers."""
    listing = [sys.executable, str(PACKAGE), "--help"]
    done = subprocess.run(listing, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1].split()[0]) == (0, "reference")
    failing = [sys.executable, str(PACKAGE), "export", "show", "--pack", "none.zip", "--output", "x"]
    done = subprocess.run(failing, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith("orandnet export: ")) == (1, True)


# a Python of which no folder has the package
WITHOUT = """
import sys
from importlib import import_module, metadata
from pathlib import Path

sys.path[:] = [folder for folder in sys.path if not (Path(folder) / "orandnet").is_dir()]
"""


def test_an_installed_package_runs_under_another_python_with_the_packages_of_that_one(tmp_path):
    installed = tmp_path / "installed"
    shutil.copytree(PACKAGE, installed / "orandnet", ignore=shutil.ignore_patterns("__pycache__"))
    (installed / "numpy.py").write_text("raise ImportError('compiled for the Python of this folder')")
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)

    def start(path):
        command = [sys.executable, installed / "orandnet", "fusion", "--help"]
        return subprocess.run(command, env={"PYTHONPATH": str(path)}, capture_output=True, text=True)

    assert start(tmp_path).returncode == 0
    other = start(PACKAGE.parent)
    assert other.returncode == 1
    assert f"{installed / 'orandnet'} was asked for" in other.stderr
    assert other.stderr.count("\n") == 1
