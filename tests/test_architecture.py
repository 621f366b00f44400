"""The plan of the house, checked: who may import whom, and what no file may be or do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orandnet.cli import STAGES
from orandnet.config.sections import Config
from orandnet.job.fingerprint import PACKAGE_FOLDER, import_closure

ROOT = PACKAGE_FOLDER.parents[1]
MODULES = {
    ".".join(path.relative_to(PACKAGE_FOLDER.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE_FOLDER.rglob("*.py"))
}
STAGE_FOLDERS = set(STAGES)
# what passes between rooms, from the ground up; a folder may import what stands in an earlier row, never a later one
LAYERS = [
    ["settings"],
    ["files"],
    ["job", "maps", "networks", "crf"],
    ["dataset"],
    ["training"],
    sorted(STAGE_FOLDERS - {"dataset"}),
]
TOP = {"cli", "options", "check", "clean", "config", "plan", "screen", "capacity", "__main__"}
ARROWS = {("cam", "classifier"), ("prediction", "segmenter")}
IDEAS = [
    "fusion.probability",
    "irn.affinity",
    "irn.random_walk",
    "pseudo_mask.otsu",
    "pseudo_mask.threshold",
    "refinement.segments",
    "refinement.unaries",
    "segmenter.scale_schedule",
    "evaluation.confusion",
    "evaluation.sweep",
]
MATHS = {"numpy", "torch", "scipy", "PIL"}  # PIL resizes arrays
MASK_IDS = "orandnet.files.mask"  # the number of the ignored pixels, defined there once


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Yield the absolute names a file imports, those inside functions included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports escape the fingerprints"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (names & MODULES.keys()) or {node.module}


def room(name):
    """Return the room of a module: the folder, or the file directly in the package."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def own_imports(name):
    return {found for found in imports(MODULES[name]) if found.split(".")[0] == "orandnet"}


def level(name):
    found = [number for number, rooms in enumerate(LAYERS) if room(name) in rooms]
    assert found, f"{room(name)} has no place in the plan; give it one in LAYERS and in docs/architecture.md"
    return found[0]


def test_every_room_has_its_place_in_the_plan():
    placed = {place for rooms in LAYERS for place in rooms} | TOP | {""}
    assert {room(name) for name in MODULES} <= placed


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) not in TOP | {""}])
def test_imports_run_downwards_only(name):
    for found in own_imports(name) - {"orandnet"}:
        assert room(found) not in TOP, f"{name} imports {found}, which stands above it"
        same = room(found) == room(name)
        assert same or level(found) <= level(name), f"{name} imports {found}, which stands above it"


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) in STAGE_FOLDERS])
def test_stages_meet_in_files_and_not_in_code(name):
    for found in own_imports(name):
        other = room(found)
        if other in STAGE_FOLDERS - {room(name), "dataset"}:
            ideas = {name, found} <= {f"orandnet.{idea}" for idea in IDEAS}
            assert ideas or (room(name), other) in ARROWS, f"{name} imports {found}"
            assert not found.endswith(".stage"), f"{name} imports {found}"


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) == "config"])
def test_the_config_composes_settings_and_knows_nothing_else_of_the_stages(name):
    others = {found for found in own_imports(name) if room(found) != "config"}
    assert {found.split(".")[-1] for found in others} <= {"settings"}


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) == "plan"])
def test_the_plan_reads_the_config_and_no_file(name):
    known = ("orandnet.config.", "orandnet.plan.", "orandnet.files.places")
    assert all(found.startswith(known) or found.endswith("settings") for found in own_imports(name))
    assert {found.split(".")[0] for found in imports(MODULES[name])} <= {"orandnet", "re", "typing", "collections"}


def test_the_root_of_the_package_holds_rooms_and_the_way_in():
    files = {path.name for path in PACKAGE_FOLDER.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "cli.py", "options.py", "settings.py"}


def test_the_tests_lie_in_the_rooms_of_what_they_test():
    rooms = {path.name for path in PACKAGE_FOLDER.iterdir() if path.is_dir()} - {"__pycache__"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert rooms <= folders
    # what runs Snakemake; what measures; what holds against the papers' formulas; strange inputs through the commands
    assert folders - rooms == {"workflow", "benchmarks", "equivalence", "hostile"}


def test_the_report_reads_files_and_knows_no_network():
    allowed = {"dataset", "files", "maps", "settings", "report"}
    assert {room(name) for name in MODULES if room(name) == "report" for name in own_imports(name)} <= allowed


def test_true_masks_reach_the_evaluation_the_report_and_the_fully_supervised_reference_only():
    readers = {name for name in MODULES if "orandnet.dataset.ground_truth" in own_imports(name)}
    assert readers == {"orandnet.evaluation.stage", "orandnet.report.stage", "orandnet.segmenter.stage"}
    top = tree(MODULES["orandnet.segmenter.stage"]).body
    assert not any(isinstance(node, ast.ImportFrom) and "ground_truth" in node.module for node in top)


@pytest.mark.parametrize("stage", sorted(STAGE_FOLDERS - {"evaluation", "report", "segmenter"}))
def test_no_weakly_supervised_stage_can_reach_a_true_mask(stage):
    assert "orandnet.dataset.ground_truth" not in import_closure(f"orandnet.{stage}.stage")


@pytest.mark.parametrize("idea", IDEAS)
def test_ideas_are_pure_maths_of_arrays(idea):
    path = MODULES[f"orandnet.{idea}"]
    allowed = {f"orandnet.{other}" for other in IDEAS} | {MASK_IDS, "orandnet.maps.grid", "orandnet.pseudo_mask"}
    for found in imports(path):
        known = found in allowed or found.split(".")[0] in MATHS | sys.stdlib_module_names
        assert known, f"{idea} imports {found}"
    assert not {"pathlib", "os", "io", "csv", "json"} & set(imports(path))
    from_files = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom) and node.module == MASK_IDS]
    assert {alias.name for node in from_files for alias in node.names} <= {"IGNORE_INDEX"}


@pytest.mark.parametrize(
    "path", [*MODULES.values(), *sorted((ROOT / "workflow/rules").glob("*.smk"))], ids=lambda p: p.name
)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def test_no_file_has_a_name_that_says_nothing():
    shapeless = re.compile(r"(^|_)(utils?|helpers?|misc|base|manager|common)$")
    assert [name for name in MODULES if shapeless.search(name.split(".")[-1])] == []


def is_public(node):
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and not node.name.startswith("_")


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_everything_public_says_what_it_is(path):
    module = tree(path)
    silent = [] if ast.get_docstring(module) else ["the module"]
    for node in filter(is_public, module.body):
        inner = filter(is_public, node.body) if isinstance(node, ast.ClassDef) else ()
        silent += [part.name for part in (node, *inner) if not ast.get_docstring(part)]
    assert silent == []


UNSAFE_CALLS = {"torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system"}
UNSAFE_KEYWORDS = {("allow_pickle", True), ("weights_only", False), ("shell", True)}
UNSAFE_MODULES = {"pickle", "dill", "joblib", "shelve", "marshal"}


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_nothing_runs_code_from_a_file(path):
    rooms = {MODULES["orandnet.files.pickle_reader"], MODULES["orandnet.files.pickle_writer"]}
    restricted = {"pickle"} if path in rooms else set()
    assert {name.split(".")[0] for name in imports(path)} & UNSAFE_MODULES <= restricted
    for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        given = {(k.arg, k.value.value) for k in call.keywords if isinstance(k.value, ast.Constant)}
        tensors_only = name == "torch.load" and ("weights_only", True) in given
        assert tensors_only or name not in UNSAFE_CALLS | {"pickle.load", "pickle.loads"}, name
        assert not given & UNSAFE_KEYWORDS, ast.unparse(call)


OPENERS = {"Image.open", "PIL.Image.open", "imread", "matplotlib.image.imread", "plt.imread", "np.load", "numpy.load"}


def test_pictures_come_in_through_one_door_and_every_opening_names_its_formats():
    found = {}
    for name, path in MODULES.items():
        for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) in OPENERS:
                found.setdefault(name, []).append({keyword.arg for keyword in call.keywords})
        # nor under another name
        assert not {"PIL.Image.open", "PIL.open", "imageio", "cv2", "skimage.io"} & set(imports(path)), name
    assert found == {"orandnet.files.picture": [{"formats"}]}


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_no_global_random_numbers_are_drawn(path):
    drawn = re.findall(r"\bnp\.random\.(?!default_rng|Generator)\w+|(?:^|\s)import random\b", path.read_text())
    assert drawn == []


def test_what_the_rules_import_needs_no_package_of_the_jobs():
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    names = set(re.findall(r"^ *from (orandnet[\w.]*) import", rules, flags=re.MULTILINE))
    assert {"orandnet.config.sections", "orandnet.job.fingerprint"} <= names
    script = f"import sys, {', '.join(sorted(names))}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(PACKAGE_FOLDER.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "torch",
        "torchvision",
        "timm",
        "numpy",
        "scipy",
        "pandas",
        "PIL",
        "matplotlib",
        "pydensecrf",
        "pycocotools",
        "skimage",
    }
    assert not heavy & set(done.stdout.split())


def test_one_word_per_stage():
    rules = {path.stem for path in (ROOT / "workflow" / "rules").glob("*.smk")} - {"command", "paths", "screen"}
    folders = {path.parent.name for path in PACKAGE_FOLDER.glob("*/stage.py")}
    sections = {name for name in Config.model_fields if name in STAGES}
    assert rules == folders == sections == STAGE_FOLDERS


@pytest.mark.parametrize("stage", sorted(STAGE_FOLDERS))
def test_a_rule_runs_the_command_of_its_own_stage(stage):
    text = (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text()
    commands = re.findall(r'"orandnet (\w+)', text)
    assert commands
    assert set(commands) == {stage}
    assert set(re.findall(r'code\("(\w+)"\)', text)) == {stage}
    bodies = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    for body in bodies:
        name = body.split(":")[0]
        assert name.startswith(stage) or stage == "report", name
        assert "log:" in body, name
        assert "threads:" in body, name
        assert "resources:" in body, name
        assert "run:" not in body.replace("{run}", ""), name
        assert "script:" not in body, name
        assert "--settings {params.settings:q}" in body or "settings=" not in body, name


def test_pytest_takes_the_package_of_this_checkout():
    assert Path(sys.modules["orandnet"].__file__).parents[2] == Path(__file__).parents[1]
