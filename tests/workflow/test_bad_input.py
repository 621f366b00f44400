"""Faults of the input, through the commands people type: one line that helps, exit code 1, and nothing is lost."""

import shutil

import numpy as np
import pytest
import yaml

from checkout import TINY, Checkout, started
from orandnet.cli import main
from orandnet.dataset.settings import MaskSettings
from orandnet.files.mask import write_mask
from voc_folder import SIZE, write_list, write_voc

CLASSIFIER = "results/tiny/classifier/vit/seed0/weights.safetensors"


def unknown_id(root):
    write_list(root, "val", ["b1", "b9"])


def truncated_image(root):
    path = root / "JPEGImages" / "a1.jpg"
    path.write_bytes(path.read_bytes()[:-200])


def mask_of_another_size(root):
    write_mask(root / "SegmentationClass" / "b1.png", np.zeros((5, 7), np.uint8))


def mask_with_another_id(root):
    write_mask(root / "SegmentationClass" / "b1.png", np.full(SIZE, 9, np.uint8))


def label_outside_the_classes(root):
    path = root / "labels.csv"
    path.write_text(path.read_text().replace("a1,cat", "a1,horse"))


def image_without_label(root):
    path = root / "labels.csv"
    path.write_text(path.read_text().replace("a1,cat\n", ""))


def missing_folder(root):
    shutil.rmtree(root / "JPEGImages")


# fault -> what the line must name: file or key, value, and what to do
FAULTS = {
    unknown_id: ("JPEGImages", "b9", "add the image or remove the line"),
    truncated_image: ("a1.jpg", "cannot be decoded", "; "),
    mask_of_another_size: ("b1.png", "7 x 5", "16 x 12", "; "),
    mask_with_another_id: ("b1.png", "9", "other_mask_ids"),
    label_outside_the_classes: ("labels.csv", "a1", "horse", "; "),
    image_without_label: ("labels.csv", "a1", "; "),
    missing_folder: ("JPEGImages", "; "),
}


@pytest.mark.parametrize(("fault", "words"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_command_names_the_fault_in_one_line_and_writes_nothing(tmp_path, capsys, fault, words):
    settings = write_voc(tmp_path / "voc")
    fault(settings.root)
    out = tmp_path / "out"
    code = 0
    for command in commands(settings, out):
        done = set(out.rglob("*"))
        if code := exit_code(["dataset", *map(str, command)]):
            break
    assert code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("orandnet dataset:")]
    assert all(word in line for word in words), line
    assert {path for path in out.rglob("*") if path.is_file()} <= done


def exit_code(arguments):
    try:
        main(arguments)
    except SystemExit as stopped:
        return stopped.code
    return 0


def commands(settings, out):
    """Yield the commands of the data set's jobs, in the order of a run on one core."""
    described, masks = settings.model_dump_json(), settings.narrowed_to(MaskSettings).model_dump_json()
    yield "classes", "--output", out / "classes.json", "--settings", described
    for part in ("train_aug", "val", "test"):
        yield "images", "--part", part, "--output", out / f"{part}.csv", "--settings", described
    for part in ("train_aug", "val"):
        place = out / "ground_truth" / f"{part}.json"
        yield "ground_truth", "--index", out / f"{part}.csv", "--output", place, "--settings", masks


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Checkout:
    """Return a checkout with a data set of files, in which one classifier has been trained."""
    checkout = Checkout(tmp_path_factory.mktemp("bad_input") / "checkout")
    write_voc(checkout.folder / "voc")
    config = yaml.safe_load(TINY.read_text())
    config["dataset"] = {"kind": "voc", "root": "voc", "classes": ["cat", "dog"], "labels": "voc/labels.csv"}
    (checkout.folder / "voc.yaml").write_text(yaml.safe_dump(config))
    checkout.run("--cores", 2, "--configfile", "voc.yaml", "--", CLASSIFIER)
    return checkout


def made(checkout):
    """Return the bytes of everything made that is not the index's own job."""
    files = [path for path in checkout.results.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if not {"dataset", "logs"} & set(path.parts)}


@pytest.mark.pipeline
def test_a_fault_in_the_files_stops_the_run_before_any_training_and_costs_nothing_made(trained):
    before = made(trained)
    broken = trained.folder / "voc/JPEGImages/a1.jpg"
    whole = broken.read_bytes()
    truncated_image(trained.folder / "voc")
    code, printed = trained.snakemake("--cores", 2, "--configfile", "voc.yaml", "--forcerun", "dataset_images")
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("orandnet dataset:")]
    assert all(word in line for word in FAULTS[truncated_image])
    assert "classifier" not in started(printed)
    assert made(trained) == before
    assert trained.folder / CLASSIFIER in before

    broken.write_bytes(whole)
    trained.run("--cores", 2, "--configfile", "voc.yaml", "--until", "dataset")
    assert trained.planned("--configfile", "voc.yaml")["classifier"] == 1  # the other source's, never trained
    assert made(trained) == before


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"segmenter": {"crop_sise": 56}}, "segmenter.crop_sise: unknown key; did you mean 'crop_size'?"),
        ({"cam": {"flip": "perhaps"}}, "cam.flip: Input should be a valid boolean"),
        ({"irn": {"cams": ["amn"]}}, "irn.cams: 'amn' is neither a source nor an ensemble; name one of them."),
        ({"sources": {"vit": {"cam": {"scale": [1.0]}}}}, "sources.vit.cam.scale: unknown key; did you mean 'scales'?"),
    ],
    ids=["unknown key", "wrong type", "unknown name", "unknown key of one source"],
)
def test_a_fault_in_the_config_is_one_line_and_no_job_starts(trained, changes, line):
    before = made(trained)
    config = trained.config(changes, start=trained.folder / "voc.yaml")
    code, printed = trained.snakemake("--cores", 2, "--configfile", config)
    assert code == 1
    (told,) = [text for text in printed.splitlines() if line in text]
    assert told.startswith("config: ")
    assert "Traceback" not in printed
    assert "Job stats" not in printed
    assert made(trained) == before


@pytest.mark.pipeline
def test_a_missing_data_folder_is_named_by_its_key(trained):
    config = trained.config({"run": "other", "dataset": {"root": "nowhere"}}, start=trained.folder / "voc.yaml")
    code, printed = trained.snakemake("--cores", 2, "--configfile", config)
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("orandnet dataset:")]
    assert "dataset.root" in line
    assert "nowhere" in line
    assert "classifier" not in started(printed)


def test_a_key_that_stands_twice_in_a_config_is_named_before_any_job(fresh):
    (fresh.folder / "twice.yaml").write_text(TINY.read_text() + "\nshards: 3\n")
    code, printed = fresh.snakemake("--dry-run", "--configfile", "twice.yaml")
    assert code != 0
    assert "config: twice.yaml: line " in printed.replace(str(fresh.folder) + "/", "")
    assert "has the key 'shards' of line " in printed
