"""Draws one scene: a background, things of no class, and one to three objects with their exact mask.

The numbers below decide how hard the data set is: small parts that give the class away, bodies that pairs of
classes share in colour, and backgrounds that go with a class more often than not.
"""

import hashlib
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from orandnet.dataset.scenes.backgrounds import BACKGROUNDS, USUAL_BACKGROUND, grid, smooth_noise
from orandnet.dataset.scenes.colors import LOOKS, PART_PATTERNS, TEXTURES, hsv_to_rgb
from orandnet.dataset.scenes.shapes import PARTS, SHAPES, ellipse, stroke
from orandnet.files.mask import IGNORE_INDEX

CLASS_NAMES = tuple(SHAPES)
USUAL_BACKGROUND_SHARE = 0.6
OBJECT_SHARES = (0.5, 0.35, 0.15)  # of scenes with one, two, three objects
RADII = ((0.32, 0.46), (0.25, 0.36), (0.21, 0.29))  # of an object, in shorter sides, by number of objects
SAME_CLASS_SHARE = 0.15
MAX_TURN = {"beetle": np.pi, "bird": 0.35, "cup": 0.2, "fish": 0.5, "kite": 0.8, "mushroom": 0.25}
HALF_BORDER = 0.7  # pixels on each side of an outline that count as ignore, as in VOC
MIN_VISIBLE_SHARE = 0.3
REACH = 1.4  # local units that surely hold an object


@dataclass(frozen=True)
class Instance:
    """One individual of a class: what stays the same wherever it is placed."""

    name: str
    hue: float
    saturation: float
    value: float
    phase: float
    frequency: float
    shape: tuple[float, ...]
    part_turn: float
    part_scale: float

    @property
    def instance_id(self) -> str:
        """Return a text that two individuals share only if they are the same."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:12]


class Pose(NamedTuple):
    """Where an object stands: centre and radius in pixels, turn in radians, mirrored or not (-1 or 1)."""

    x: float
    y: float
    radius: float
    turn: float
    mirror: int


class Scene(NamedTuple):
    """`rgb` (H, W, 3) uint8, `mask` (H, W) uint8 ids with 255 at outlines, names and instances that show."""

    rgb: np.ndarray
    mask: np.ndarray
    labels: tuple[str, ...]
    instances: tuple[Instance, ...]


def draw_scene(rng: np.random.Generator, size: tuple[int, int], main_class: str) -> Scene:
    """Draw a scene of `size` (H, W) whose foremost object is of `main_class`, with all chance from `rng`."""
    canvas = _Canvas(_background(rng, size, main_class))
    for _ in range(rng.integers(0, 4)):
        _draw_distractor(rng, canvas)
    count = 1 + int(rng.choice(3, p=OBJECT_SHARES))
    names = [main_class if rng.random() < SAME_CLASS_SHARE else _other(rng, main_class) for _ in range(count - 1)]
    instances = [draw_instance(rng, name) for name in [*names, main_class]]
    for instance, pose in zip(instances, _poses(rng, size, [one.name for one in instances]), strict=True):
        canvas.paint(instance, pose)
    mask, shown = canvas.mask()
    labels = tuple(name for name in CLASS_NAMES if name in {instances[i].name for i in shown})
    return Scene(_develop(rng, canvas.rgb), mask, labels, tuple(instances[i] for i in shown))


def draw_instance(rng: np.random.Generator, name: str) -> Instance:
    """Draw an individual of a class."""
    hue, saturation, value = LOOKS[name].hsv
    return Instance(
        name=name,
        hue=float(hue + rng.normal(0, 0.014)),
        saturation=float(np.clip(saturation + rng.normal(0, 0.07), 0.35, 0.95)),
        value=float(np.clip(value + rng.normal(0, 0.07), 0.45, 1)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        frequency=float(rng.uniform(0.8, 1.3)),
        shape=tuple(rng.random(3).tolist()),
        part_turn=float(rng.uniform(-0.5, 0.5)),
        part_scale=float(rng.uniform(0.85, 1.15)),
    )


class _Canvas:
    """A picture in the making: colours, which object each pixel shows, and where outlines run."""

    def __init__(self, rgb: np.ndarray):
        self.rgb = rgb
        self._owner = np.full(rgb.shape[:2], -1)
        self._outline = np.zeros(rgb.shape[:2], dtype=bool)
        self._areas: list[int] = []
        self._names: list[str] = []

    def window(self, pose: Pose) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """The part of the picture around a pose, and its local coordinates."""
        reach = REACH * pose.radius
        rows = slice(max(0, int(pose.y - reach)), max(0, int(pose.y + reach) + 1))
        columns = slice(max(0, int(pose.x - reach)), max(0, int(pose.x + reach) + 1))
        y, x = (axis - centre for axis, centre in zip(grid(self.rgb.shape[:2]), (pose.y, pose.x), strict=True))
        y, x = y[rows] / pose.radius, x[:, columns] / pose.radius
        cosine, sine = np.cos(pose.turn), np.sin(pose.turn)
        return (rows, columns), pose.mirror * (cosine * x + sine * y), cosine * y - sine * x

    def blend(self, window: tuple[slice, slice], color: np.ndarray, alpha: np.ndarray) -> None:
        """Lay a colour over a window, `alpha` (h, w) in [0, 1]."""
        alpha = alpha[..., None]
        self.rgb[window] = self.rgb[window] * (1 - alpha) + color * alpha

    def shade(self, pose: Pose, shape, strength: float) -> None:
        """Darken what lies under a shape, a little to the lower right."""
        shifted = pose._replace(x=pose.x + 0.1 * pose.radius, y=pose.y + 0.12 * pose.radius)
        window, u, v = self.window(shifted)
        self.blend(window, np.zeros(3), strength * np.clip(0.5 - shape(u, v) / 0.2, 0, 1))

    def paint(self, instance: Instance, pose: Pose) -> None:
        """Draw an object and note which pixels it covers."""
        k = np.array(instance.shape)
        shape = SHAPES[instance.name]
        self.shade(pose, lambda u, v: shape(u, v, k), 0.35)
        window, u, v = self.window(pose)
        distance = shape(u, v, k) * pose.radius
        self.blend(window, _body_colors(instance, u, v, distance), np.clip(0.5 - distance, 0, 1))
        part = PARTS[instance.name]
        radius = part.radius * instance.part_scale
        pu, pv = (u - part.u) / radius, (v - part.v) / radius
        inside = np.clip(0.5 - (np.hypot(pu, pv) - 1) * radius * pose.radius, 0, 1)
        self.blend(window, _part_colors(instance, pu, pv), inside * np.clip(0.5 - distance, 0, 1))
        self._owner[window][distance < 0] = len(self._areas)
        self._outline[window] = np.where(np.abs(distance) < HALF_BORDER, True, self._outline[window] & (distance > 0))
        self._areas.append(int((distance < 0).sum()))
        self._names.append(instance.name)

    def mask(self) -> tuple[np.ndarray, list[int]]:
        """The mask, and the objects of which enough can be seen; what is left of the others is ignored."""
        mask = np.zeros(self._owner.shape, dtype=np.uint8)
        shown = []
        for index, (name, area) in enumerate(zip(self._names, self._areas, strict=True)):
            visible = self._owner == index
            is_shown = (visible & ~self._outline).sum() >= MIN_VISIBLE_SHARE * max(area, 0.01 * mask.size)
            mask[visible] = CLASS_NAMES.index(name) + 1 if is_shown else IGNORE_INDEX
            shown += [index] if is_shown else []
        mask[self._outline] = IGNORE_INDEX
        return mask, shown


def _body_colors(instance: Instance, u: np.ndarray, v: np.ndarray, distance: np.ndarray) -> np.ndarray:
    color = hsv_to_rgb(instance.hue, instance.saturation, instance.value)
    if instance.name == "mushroom":
        cream = hsv_to_rgb(0.11, 0.2, instance.value + 0.1)
        color = np.where((v > 0.1)[..., None], cream, color)
    texture = TEXTURES[instance.name](u, v, instance.phase, instance.frequency)
    light = 1 - 0.22 * v - 0.1 * u
    rim = np.where(distance > -1.4, 0.72, 1.0)
    return np.clip(color * (texture * light * rim)[..., None], 0, 255)


def _part_colors(instance: Instance, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    cosine, sine = np.cos(instance.part_turn), np.sin(instance.part_turn)
    pattern = PART_PATTERNS[instance.name](cosine * u + sine * v, cosine * v - sine * u)
    look = LOOKS[instance.name]
    return np.where(pattern[..., None], look.bright, look.dark)


def _background(rng: np.random.Generator, size: tuple[int, int], main_class: str) -> np.ndarray:
    usual = USUAL_BACKGROUND[main_class]
    others = [name for name in BACKGROUNDS if name != usual]
    name = usual if rng.random() < USUAL_BACKGROUND_SHARE else others[rng.integers(len(others))]
    return np.asarray(BACKGROUNDS[name](rng, size), dtype=np.float32)


def _draw_distractor(rng: np.random.Generator, canvas: _Canvas) -> None:
    """A stone or a stick in a colour between those of the classes."""
    height, width = canvas.rgb.shape[:2]
    radius = rng.uniform(0.08, 0.2) * min(height, width)
    pose = Pose(rng.uniform(0, width), rng.uniform(0, height), radius, rng.uniform(-np.pi, np.pi), 1)
    aspect, wobble, phase = rng.uniform(0.5, 1), rng.uniform(0, 0.2), rng.uniform(0, 6)
    is_stick = rng.random() < 0.35

    def shape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        if is_stick:
            return stroke(u, v + 0.15 * np.sin(3 * u + phase), (-1.1, 0), (1.1, 0), 0.16)
        return ellipse(u, v, 0.9, 0.9 * aspect) + wobble * np.sin(3 * np.arctan2(v, u) + phase)

    canvas.shade(pose, shape, 0.3)
    window, u, v = canvas.window(pose)
    hue = rng.choice([0.05, 0.22, 0.38, 0.47, 0.68, 0.8, 0.9]) + rng.normal(0, 0.02)
    color = hsv_to_rgb(hue, rng.uniform(0.05, 0.65), rng.uniform(0.35, 0.8))
    texture = 1 + 0.18 * np.sin(rng.uniform(4, 12) * u + phase) - 0.2 * v
    canvas.blend(window, color * texture[..., None], np.clip(0.5 - shape(u, v) * radius, 0, 1))


def _poses(rng: np.random.Generator, size: tuple[int, int], names: list[str]) -> list[Pose]:
    """A pose per object; of four random places the one that is farthest from the earlier objects."""
    height, width = size
    poses: list[Pose] = []
    for name in names:
        radius = rng.uniform(*RADII[len(names) - 1]) * min(size)
        margin = 0.72 * radius
        places = rng.uniform((margin, margin), (width - margin, height - margin), (4, 2))
        gaps = [min((np.hypot(x - p.x, y - p.y) for p in poses), default=0.0) for x, y in places]
        x, y = places[int(np.argmax(gaps))]
        turn = rng.uniform(-MAX_TURN[name], MAX_TURN[name])
        poses.append(Pose(x, y, radius, turn, 1 if rng.random() < 0.5 else -1))
    return poses


def _develop(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """Light, colour cast and grain of a photograph; (H, W, 3) uint8."""
    size = rgb.shape[:2]
    light = rng.uniform(0.82, 1.12) + 0.06 * smooth_noise(rng, size, (60, 60))
    cast = rng.normal(1, 0.035, 3)
    grain = rng.normal(0, rng.uniform(2, 6), size)
    return np.clip(rgb * light[..., None] * cast + grain[..., None], 0, 255).round().astype(np.uint8)


def _other(rng: np.random.Generator, name: str) -> str:
    others = [other for other in CLASS_NAMES if other != name]
    return others[rng.integers(len(others))]
