"""Fingerprints: an edit re-runs the stages that run on the edited code, and nothing else."""

import re
import shutil

import pytest

from orandnet.cli import STAGES
from orandnet.job import fingerprint as module
from orandnet.job.fingerprint import PACKAGE_FOLDER, fingerprint, import_closure

CACHED = (module.fingerprint, module.import_closure, module._source, module._file)
STAGE_MODULES = {stage: f"orandnet.{stage}.stage" for stage in STAGES}


def forget():
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that can be edited; fingerprints are those of the copy."""
    folder = tmp_path / "orandnet"
    shutil.copytree(PACKAGE_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE_FOLDER", folder)
    forget()
    yield folder
    forget()


def fingerprints():
    forget()
    return {stage: fingerprint(name) for stage, name in STAGE_MODULES.items()}


def changed_by(edit):
    before = fingerprints()
    edit()
    return {stage for stage, value in fingerprints().items() if value != before[stage]}


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_copy_elsewhere_has_the_same_fingerprints(package):
    copied = fingerprints()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PACKAGE_FOLDER", PACKAGE_FOLDER)
        assert fingerprints() == copied


def test_fingerprints_are_short_and_differ_between_stages(package):
    found = fingerprints()
    assert all(re.fullmatch("[0-9a-f]{16}", value) for value in found.values())
    assert len(set(found.values())) == len(found)


def test_comments_docstrings_blank_lines_and_layout_do_not_count(package):
    def edit():
        path = package / "fusion" / "probability.py"
        replace(path, '"""Return the probability that all members', '"""Return, in other words, that all members')
        replace(path, "def and_cam(*cams):", "# a comment\n\n\n\ndef and_cam(  *cams  ):  # another")
        replace(path, "return reduce(mul, cams)", "return reduce(\n        mul,\n        cams,\n    )")
        replace(path, '"""Probabilistic', '"""Soft')
        (package / "files" / "store.py").touch()

    assert changed_by(edit) == set()


def test_a_removed_docstring_does_not_count_even_where_it_was_all_there_was(package):
    path = package / "files" / "pickle_reader.py"
    assert '    """A name in the pickle that is not admitted."""\n' in path.read_text()

    def edit():
        replace(path, '    """A name in the pickle that is not admitted."""\n', "    pass\n")

    assert changed_by(edit) == set()


@pytest.mark.parametrize(
    ("path", "old", "new", "stages"),
    [
        ("fusion/probability.py", "return reduce(mul, cams)", "return reduce(add, cams)", {"fusion"}),
        ("cam/attention.py", ".mean(dim=1)", ".amax(dim=1)", {"cam"}),
        ("irn/random_walk.py", "import numpy as np", "import numpy as np\nCHANGED = 1", {"irn"}),
        ("classifier/cnn.py", "bias=False", "bias=True", {"classifier", "cam"}),
        ("cam/settings.py", "0.5, 1.0, 1.5, 2.0", "1.0", {"cam"}),
        (
            "training/loop.py",
            "SECONDS_BETWEEN_STATES = 60.0",
            "SECONDS_BETWEEN_STATES = 61.0",
            {"classifier", "orandnet", "irn", "segmenter"},
        ),
        ("cli.py", "TOOL_MODULES = ", "TOOL_MODULES = OTHER = ", set()),
        ("config/sections.py", '"demo", description', '"other", description', set()),
    ],
)
def test_an_edit_of_code_touches_the_stages_that_import_it(package, path, old, new, stages):
    assert changed_by(lambda: replace(package / path, old, new)) == stages


def test_an_edit_of_the_dataset_index_touches_all_stages_that_read_it(package):
    found = changed_by(lambda: replace(package / "dataset" / "index.py", '"test": ("test",)', '"test": ()'))
    assert found == set(STAGE_MODULES) - {"fusion", "orandnet"}


def test_the_tables_beside_a_module_count(package):
    table = package / "report" / "published_pseudo_masks.csv"
    assert changed_by(lambda: table.write_text(table.read_text() + "x\n")) == {"report"}


def test_the_cpp_source_of_a_module_counts_where_the_module_does(package):
    source = package / "crf" / "kernel.cpp"
    assert changed_by(lambda: replace(source, "return 2;", "return 3;")) == {"irn", "prediction", "refinement"}


def test_a_new_data_file_and_a_module_nobody_imports_do_not_count(package):
    def edit():
        (package / "fusion" / "notes.txt").write_text("x")
        (package / "fusion" / "unused.py").write_text("x = 1\n")

    assert changed_by(edit) == set()


def test_a_module_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"orandnet\.fusoin\.stage: no such module in the package"):
        fingerprint("orandnet.fusoin.stage")


def test_closures_hold_the_packages_on_the_way_and_imports_inside_functions():
    closure = import_closure("orandnet.segmenter.stage")
    assert {"orandnet", "orandnet.segmenter", "orandnet.training.loop", "orandnet.dataset.ground_truth"} <= closure
    assert not any(name.startswith(("orandnet.classifier", "orandnet.fusion")) for name in closure)


def outside_imports(stage):
    """Return the packages other than ours that a stage's code imports."""
    sources = map(module._source, import_closure(STAGE_MODULES[stage]))
    return {found.split(".")[0] for source in sources for found in source.imports}


@pytest.mark.parametrize("stage", ["dataset", "fusion", "pseudo_mask", "evaluation", "report"])
def test_stages_of_plain_arrays_do_not_know_torch(stage):
    assert not {"torch", "torchvision", "timm", "safetensors"} & outside_imports(stage)


def test_fusion_depends_on_no_classifier():
    closure = import_closure("orandnet.fusion.stage")
    assert not any(name.startswith(("orandnet.classifier", "orandnet.cam", "orandnet.dataset")) for name in closure)


def kept(package, module_path):
    path = package / module_path
    (found,) = (path.parent / "__pycache__").glob(f"{path.stem}.*.fingerprint.json")
    return found


def test_what_was_read_is_kept_for_the_next_process(package, monkeypatch):
    before = fingerprints()
    parsed, parse = [], module._parsed
    monkeypatch.setattr(module, "_parsed", lambda content: parsed.append(content) or parse(content))
    assert fingerprints() == before
    assert parsed == []
    path = package / "fusion" / "stage.py"
    path.write_bytes(path.read_bytes() + b"\nADDED = 1\n")
    assert {stage for stage, value in fingerprints().items() if value != before[stage]} == {"fusion"}
    assert parsed == [path.read_bytes()]


def test_what_another_version_of_the_reader_kept_is_read_again(package, monkeypatch):
    before = fingerprints()
    parsed, parse = [], module._parsed
    monkeypatch.setattr(module, "_parsed", lambda content: parsed.append(content) or parse(content))
    monkeypatch.setattr(module, "READER", b"another version")
    assert fingerprints() == before
    assert len(parsed) > 100


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"key": "another", "imports": [], "code": ""}', "\0\xff"])
def test_a_kept_file_that_is_damaged_or_of_other_code_is_made_again(package, content):
    before = fingerprints()
    path = kept(package, "fusion/stage.py")
    good = path.read_bytes()
    path.write_text(content)
    assert fingerprints() == before
    assert path.read_bytes() == good


def test_a_package_that_cannot_be_written_to_has_fingerprints_too(package):
    before = fingerprints()
    folder = package / "fusion" / "__pycache__"
    shutil.rmtree(folder)
    folder.write_text("a file, so that no folder can be made")
    assert fingerprints() == before
