"""A run in miniature, made without training: every artifact that the plan of a config names, with what may lie in it.

CAMs and masks are the truth with noise, scores are those of the real evaluation.
"""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from checkout import TINY
from orandnet.config.sections import Config, load
from orandnet.dataset.index import PART_COLUMNS
from orandnet.evaluation import stage as evaluation
from orandnet.evaluation.settings import Settings as EvaluationSettings
from orandnet.files.manifest import Clock, manifest_path, write_manifest
from orandnet.files.mask import write_mask, write_mask_list
from orandnet.files.places import first_shards, origin_of, place
from orandnet.files.store import Cam, write_shard
from orandnet.files.thresholds import Thresholds, write_thresholds
from orandnet.plan import cams, jobs, page, targets
from orandnet.settings import deep_update

CLASSES = ("cat", "dog", "</script><b>")  # the last one asks for escapes
SIZE = (24, 32)
PARTS = {"train_aug": ["train"] * 6 + ["train_aug"] * 2, "val": ["val"] * 4, "test": []}
WARNING = {"code": "flat_cam", "message": "flat <map> of 3 images"}


def config(**changes: object) -> Config:
    """Return the tiny config with one shard and some keys changed."""
    return load(deep_update(yaml.safe_load(TINY.read_text()), {"shards": 1, **changes}))


class SmallRun:
    """The artifacts of a run below a folder, and the arguments of the report's commands."""

    def __init__(self, folder: Path, plan: Config):
        self.folder, self.plan = folder, plan
        self._random = np.random.default_rng(0)
        self.truth: dict[str, np.ndarray] = {}
        for part, splits in PARTS.items():
            self._write_part(part, splits)
        self.at("dataset_classes").write_text(json.dumps({"classes": CLASSES}))
        numbers = {"train": 6, "train_aug": 8, "val": 4, "test": 0}
        facts = {"classes": CLASSES, "num_images": numbers, "training_images": dict.fromkeys(CLASSES, 3)}
        self.at("dataset_manifest").write_text(json.dumps(facts))
        for path in map(self.below, jobs.made(plan)):
            self._write(path)
        for path in map(self.below, targets.gallery_cams(plan)):
            self._write_cams(path)
        for path in map(self.below, jobs.histories(plan)):
            losses = "".join(f"{epoch},0.1,{1 / (epoch + 1) + 0.1 * self._random.random()}\n" for epoch in range(5))
            path.write_text("epoch,learning_rate,loss\n" + losses)

    def below(self, path: str) -> Path:
        return self.folder / path

    def at(self, artifact: str, **parts: object) -> Path:
        path = self.below(place(artifact, self.plan.run, **parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _write_part(self, part: str, splits: list[str]) -> None:
        rows, masks = [",".join(PART_COLUMNS)], {}
        for number, split in enumerate(splits):
            name = f"{part}_{number}"
            truth = np.zeros(SIZE, dtype=np.uint8)
            truth[6:18, 4 + number : 20 + number] = 1 + number % len(CLASSES)
            self.truth[name] = truth
            image = self.folder / "images" / f"{name}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(self._random.integers(0, 255, (*SIZE, 3), dtype=np.uint8)).save(image)
            masks[name] = str(self.folder / "masks" / f"{name}.png")
            write_mask(Path(masks[name]), truth)
            label = CLASSES[number % len(CLASSES)]
            rows.append(f"{name},{image},{split},{SIZE[0]},{SIZE[1]},{label},1,")
        self.at("dataset_images", part=part).write_text("\n".join(rows) + "\n")
        ids = {"0": 0, "1": 1, "2": 2, "3": 3, "255": 255}
        content = {"ids": ids, "other_ids": "error", "colors": None, "turned": {}, "masks": masks}
        self.at("dataset_ground_truth", part=part).write_text(json.dumps(content))

    def ids(self, part: str) -> list[str]:
        return [name for name in self.truth if name.startswith(part)]

    def _write(self, path: Path) -> None:
        if path.suffix == ".npz":
            self._write_cams(path)
        elif "/pseudo_mask/" in str(path):
            self._write_masks(path, "train_aug", [""])
        elif "/prediction/" in str(path) and "/evaluation/" not in str(path):
            self._write_masks(path, "val", ["ss", "ms", "ss_crf", "ms_crf"])
        elif path.name == "summary.csv":
            self._evaluate(path)
        elif not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        stage = path.relative_to(self.folder / "results" / self.plan.run).parts[0]
        facts = {"stage": stage, "warnings": [WARNING] if stage == "cam" else []}
        write_manifest([path], facts, Clock())

    def _noisy(self, truth: np.ndarray) -> np.ndarray:
        return np.where(self._random.random(SIZE) < 0.1, 0, truth).astype(np.uint8)

    def _write_cams(self, path: Path) -> None:
        found = []
        for name in self.ids("train_aug"):
            truth, level = self.truth[name][::4, ::4], self._random.uniform(0.4, 1)
            scores = level * (truth > 0) + 0.2 * self._random.random(truth.shape)
            found.append(Cam(name, np.array([truth.max()]), np.clip(scores, 0, 1)[None].astype(np.float32), SIZE))
        write_shard(path, found)

    def _write_masks(self, path: Path, part: str, variants: list[str]) -> None:
        rows = []
        for name in self.ids(part):
            for variant in variants:
                sha256 = write_mask(path.parent / variant / f"{name}.png", self._noisy(self.truth[name]))
                rows.append({"image_id": name, "variant": variant, "sha256": sha256})
        write_mask_list(path, rows)

    def _evaluate(self, path: Path) -> None:
        origin = origin_of(path)
        part = "train_aug" if origin.artifact == "evaluation_cam" else "val"
        where = {"index": self.at("dataset_images", part=part)}
        where["ground_truth"] = self.at("dataset_ground_truth", part=part)
        beside = {"output": path, "per_class_output": path.with_name("per_class.csv")}
        path.parent.mkdir(parents=True, exist_ok=True)
        if part == "train_aug":
            stores = [self.below(name) for name in cams.cam_shards(self.plan, origin.method, origin.seed)]
            for store in stores:
                self._write_cams(store)
            settings = EvaluationSettings(num_thresholds=21)
            more = {"curve_output": path.with_name("curve.csv"), "settings": settings, "background_threshold": 0.25}
            otsu = self.below(place("otsu", self.plan.run, method=origin.method, seed=origin.seed))
            write_thresholds(otsu, Thresholds(0.3, 0.2, 0.4))
            evaluation.cam(**where, cams=stores, otsu=otsu, **beside, **more)
        else:
            lists = targets.predictions(self.plan, origin.method, origin.schedule, origin.seed, "val")
            confusion = path.with_name("confusion.csv")
            evaluation.prediction(**where, masks=[*map(self.below, lists)], **beside, confusion_output=confusion)

    def measured(self) -> dict[str, list[Path]]:
        """Return the arguments that all charts need."""
        names = {"summaries": targets.cam_summaries, "predictions": targets.prediction_summaries}
        names["histories"] = jobs.histories
        return {name: [*map(self.below, function(self.plan))] for name, function in names.items()}

    def tables(self) -> dict[str, object]:
        """Return the arguments of the command that writes the tables."""
        measured = self.measured()
        outputs = {
            "pseudo_masks_output": "table1_pseudo_masks",
            "segmentation_output": "table2_segmentation",
            "variants_output": "table2_variants",
            "scale_scheduling_output": "table3_scale_scheduling",
            "members_output": "ensembles_and_members",
        }
        del measured["histories"]
        paths = {option: self.at("tables", table=table) for option, table in outputs.items()}
        lists = {part: self.at("dataset_images", part=part) for part in ("train_aug", "val")}
        return lists | {**measured, **paths, "settings": targets.report_settings(self.plan)}

    def page(self) -> dict[str, object]:
        """Return the arguments of the command that writes the page."""
        names = {
            "images": targets.gallery_images,
            "ground_truth": targets.gallery_truth,
            "cams": targets.gallery_cams,
            "masks": targets.gallery_masks,
            "predicted": targets.gallery_predictions,
        }
        found = {name: [*map(self.below, function(self.plan))] for name, function in names.items()}
        manifests = [manifest_path(self.below(path)) for path in first_shards(jobs.made(self.plan))]
        tables = [self.at("tables", table=table) for table in targets.TABLES]
        return {
            **self.measured(),
            **found,
            "data": self.at("dataset_manifest"),
            "tables": tables,
            "manifests": manifests,
            "output": self.at("page"),
            "tables_output": [path.with_suffix(".html") for path in tables],
            "settings": page.page_settings(self.plan),
        }
