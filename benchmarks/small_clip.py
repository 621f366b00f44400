"""A CLIP of four million parameters, learnt from drawn scenes and sentences of their labels: is it of use as a member?

    python benchmarks/small_clip.py                  # a quarter of an hour; weights and a config for what follows
    snakemake --cores 2 --configfile config.yaml results/small_clip_towers/config.yaml \
        -- results/small_clip/evaluation/cam/{clip,resnet50,mctformer,clip_resnet50,clip_mctformer}/seed0/summary.csv

The scenes are others than the demo's, as a CLIP has seen other images than those it is used on; of them it is told the
labels alone, in a sentence. Both towers are open_clip's, the loss is CLIP's, with one change that few sentences ask
for: images of one sentence are no rivals.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import open_clip
import safetensors.torch
import torch
import yaml
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from orandnet.dataset.image import read_rgb
from orandnet.dataset.index import read_index
from orandnet.dataset.settings import Settings
from orandnet.dataset.stage import make_all
from orandnet.job.progress import say, track

FOLDER = Path("results/small_clip_towers")
SIDE, CROP, PATCH = 104, 96, 8  # pixels
DIMENSIONS, WIDTH, LAYERS, HEAD = 64, 128, 4, 32
VISION = {"image_size": CROP, "layers": LAYERS, "width": WIDTH, "head_width": HEAD, "patch_size": PATCH}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2}
TOWERS = {"embed_dim": DIMENSIONS, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT}
TIMM = {
    "embed_dim": WIDTH,
    "depth": LAYERS,
    "num_heads": WIDTH // HEAD,
    "patch_size": PATCH,
    "img_size": CROP,
    "num_classes": DIMENSIONS,
}
CAM = {"attention_blocks": 1, "box_threshold": 0.7}  # of five forms the best on scenes of seed 1
TEMPLATE = "a picture of {}."
MEAN, DEVIATION = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def pairs(number: int, seed: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return drawn scenes, (N, 104, 104, 3) uint8, and the labels of each."""
    scenes = {"num_train": 6, "num_train_aug": number, "num_val": 6, "num_test": 0, "size": CROP, "seed": seed}
    with TemporaryDirectory() as folder:
        make_all(Path(folder), Settings(kind="scenes", scenes=scenes))
        images = read_index(Path(folder) / "index.csv")
        records = images.subset("train_aug")
        names = [tuple(images.class_names[class_id - 1] for class_id in record.classes) for record in records]
        pictures = (Image.fromarray(read_rgb(record.image)).resize((SIDE, SIDE)) for record in records)
        return np.stack([np.asarray(picture) for picture in pictures]), names


def as_input(windows: np.ndarray) -> Tensor:
    """Return (N, 3, 96, 96) float32, as CLIP wants it, of (N, 96, 96, 3) uint8."""
    mean, deviation = (torch.tensor(numbers).view(3, 1, 1) for numbers in (MEAN, DEVIATION))
    return (torch.from_numpy(windows).permute(0, 3, 1, 2) / 255 - mean) / deviation


def batches(
    images: np.ndarray, names: list[tuple[str, ...]], steps: int, size: int, seed: int
) -> Iterator[tuple[Tensor, list[str]]]:
    """Yield random windows, half of them mirrored, (N, 3, 96, 96) float32, and the sentence of each."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        windows, sentences = [], []
        for position in rng.choice(len(images), size, replace=False):
            top, left = rng.integers(0, SIDE - CROP + 1, 2)
            window = images[position, top : top + CROP, left : left + CROP]
            windows.append(window[:, ::-1] if rng.random() < 0.5 else window)
            sentences.append(TEMPLATE.format(" and ".join(sorted(names[position]))))
        yield as_input(np.stack(windows)), sentences


def contrast(images: Tensor, texts: Tensor, scale: Tensor, rows: Tensor) -> Tensor:
    """Return CLIP's loss of (N, D) images against the (M, D) different sentences, image i having sentence rows[i]."""
    logits = scale * images @ texts.T
    own = functional.one_hot(rows, len(texts)).to(logits)
    of_text = (own / own.sum(0) * -logits.log_softmax(0)).sum(0).mean()
    return (functional.cross_entropy(logits, rows) + of_text) / 2


def train(model: nn.Module, tokenizer, images: np.ndarray, names: list[tuple[str, ...]], steps: int, seed: int) -> None:
    """Train both towers in place."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps, pct_start=0.1)
    losses = [torch.zeros(())]
    for rgb, sentences in track(
        batches(images, names, steps, 64, seed),
        "small clip",
        total=steps,
        status=lambda: f"loss {losses[-1].item():.3f}",
    ):
        different = sorted(set(sentences))
        rows = torch.tensor([different.index(sentence) for sentence in sentences])
        pictures, texts, scale = model(rgb, tokenizer(different))
        loss = contrast(pictures, texts, scale, rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))
        losses.append(loss.detach())


def recognised(model: nn.Module, tokenizer, images: np.ndarray, names: list[tuple[str, ...]]) -> float:
    """Return the share of the labels that the sentence of a class finds: among the k best of an image with k labels."""
    classes = sorted({name for own in names for name in own})
    edge = (SIDE - CROP) // 2
    windows = np.ascontiguousarray(images[:, edge : edge + CROP, edge : edge + CROP])
    with torch.inference_mode():
        pictures, texts, _ = model.eval()(as_input(windows), tokenizer([TEMPLATE.format(name) for name in classes]))
    found = 0
    for own, scores in zip(names, pictures @ texts.T, strict=True):
        best = scores.topk(len(own)).indices.tolist()
        found += len({classes[place] for place in best} & set(own))
    return found / sum(map(len, names))


def config(weights: Path, towers: Path, background: list[str]) -> dict:
    """Return what goes over config.yaml: the source alone and in ensembles with the demo's members."""
    backbone = {"model": "vit_base_patch16_clip_quickgelu_224.openai", "model_options": TIMM, "weights": str(weights)}
    text = {"model": f"local-dir:{towers}", "tag": "", "template": TEMPLATE, "background_words": background}
    source = {"kind": "clip", "backbone": backbone, "text": text, "cam": CAM}
    ensembles = {f"clip_{name}": {"members": ["clip", name]} for name in ("resnet50", "mctformer")}
    return {"run": "small_clip", "sources": {"clip": source}, "ensembles": ensembles}


def main() -> None:
    """Train it, and write what a run needs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000, help="drawn scenes that it learns from")
    parser.add_argument("--steps", type=int, default=800, help="of 64 images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=1000, help="seed of the scenes; the demo's is 0")
    parser.add_argument("--background", nargs="+", default=["nothing"], help="words for what is no class")
    arguments = parser.parse_args()
    start = time.process_time()
    torch.manual_seed(arguments.seed)
    towers, weights = FOLDER / "towers", FOLDER / "clip.safetensors"
    towers.mkdir(parents=True, exist_ok=True)
    (towers / "open_clip_config.json").write_text(json.dumps({"model_cfg": TOWERS, "preprocess_cfg": {}}))
    model = open_clip.create_model(f"local-dir:{towers}", load_weights=False)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{towers}")
    train(model, tokenizer, *pairs(arguments.images, arguments.scenes), arguments.steps, arguments.seed)
    safetensors.torch.save_file({name: part.contiguous() for name, part in model.state_dict().items()}, weights)
    overlay = config(weights, towers, arguments.background)
    (FOLDER / "config.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    found = recognised(model, tokenizer, *pairs(300, arguments.scenes + 1))
    number = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    seconds = time.process_time() - start
    say(f"{number:.1f} million parameters, {seconds:.0f} CPU s; on new scenes {100 * found:.0f} % of labels are found")


if __name__ == "__main__":
    main()
