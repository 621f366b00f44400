"""Laws of the soft OR, AND and MEAN of any number of members, and the stage that fuses stores."""

from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from orandnet.crf.dense_crf import CrfSettings
from orandnet.files.store import CamStore, write_shard
from orandnet.fusion import and_cam, geometric_and_cam, mean_cam, or_cam, sum_cam
from orandnet.fusion.members import align, offset_scores
from orandnet.fusion.probability import OPERATORS
from orandnet.fusion.settings import Settings
from orandnet.fusion.stage import run
from orandnet.irn.labels import ir_label
from orandnet.job.warnings import collected_warnings
from orandnet.pseudo_mask.threshold import pseudo_mask
from random_cams import random_cam, random_shard

ROUNDING = 2.0**-22  # two float32 steps at 1
FUSIONS = (or_cam, and_cam, geometric_and_cam, mean_cam)


@st.composite
def members(draw, smallest=2, largest=5, kinds=("numpy", "torch")):
    """2 to 5 CAMs of one shape, all numpy or all torch."""
    shape = draw(array_shapes(min_dims=3, max_dims=3, max_side=4))
    scores = arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
    cams = draw(st.lists(scores, min_size=smallest, max_size=largest))
    return [torch.from_numpy(cam) for cam in cams] if draw(st.sampled_from(kinds)) == "torch" else cams


def numpy_of(cams):
    return np.stack([np.asarray(cam) for cam in cams])


@given(members())
def test_and_is_strict_and_or_is_generous(cams):
    stack = numpy_of(cams)
    assert (np.asarray(and_cam(*cams)) <= stack.min(axis=0)).all()
    assert (np.asarray(or_cam(*cams)) >= stack.max(axis=0) - ROUNDING).all()


@given(members())
def test_the_mean_lies_between_and_and_or(cams):
    mean = np.asarray(mean_cam(*cams))
    assert (np.asarray(and_cam(*cams)) <= mean + ROUNDING).all()
    assert (mean <= np.asarray(or_cam(*cams)) + ROUNDING).all()


@given(members())
def test_the_geometric_and_lies_between_product_and_mean_and_is_the_root_of_the_product(cams):
    geometric, product = np.asarray(geometric_and_cam(*cams)), np.asarray(and_cam(*cams))
    assert (product <= geometric + ROUNDING).all()
    assert (geometric <= np.asarray(mean_cam(*cams)) + ROUNDING).all()
    np.testing.assert_allclose(geometric, np.asarray(product, dtype=np.float64) ** (1 / len(cams)), atol=1e-6)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_members_that_agree_keep_their_level_in_the_geometric_and_whatever_their_number(number):
    scores = np.linspace(0, 1, 11, dtype=np.float32)
    np.testing.assert_allclose(geometric_and_cam(*[scores] * number), scores, atol=1e-6)
    np.testing.assert_allclose(and_cam(*[scores] * number), scores**number, atol=1e-6)


@given(members())
def test_the_sum_is_the_mean_times_the_number_of_members(cams):
    np.testing.assert_allclose(sum_cam(*cams), len(cams) * np.asarray(mean_cam(*cams)), atol=1e-6)
    assert type(sum_cam(*cams)) is type(cams[0])


@given(members())
def test_scores_keep_their_range_shape_type_and_kind(cams):
    for fuse in FUSIONS:
        fused = fuse(*cams)
        assert type(fused) is type(cams[0])
        assert fused.dtype == cams[0].dtype
        assert fused.shape == cams[0].shape
        assert 0 <= fused.min() <= fused.max() <= 1


@given(members(kinds=("numpy",)))
def test_de_morgan(cams):
    np.testing.assert_array_equal(or_cam(*cams), 1 - and_cam(*(1 - cam for cam in cams)))


@given(members(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(cams, random):
    shuffled = random.sample(cams, len(cams))
    for fuse in FUSIONS:
        np.testing.assert_allclose(fuse(*shuffled), fuse(*cams), atol=1e-6)


@given(members(smallest=3))
def test_fusing_two_by_two_is_fusing_at_once(cams):
    for fuse in (or_cam, and_cam):
        np.testing.assert_allclose(reduce(fuse, cams), fuse(*cams), atol=1e-6)


@given(members(largest=2))
def test_two_members_give_the_papers_formulas(cams):
    a, b = (np.asarray(cam) for cam in cams)
    np.testing.assert_allclose(or_cam(*cams), a + b - a * b, atol=1e-6)
    np.testing.assert_array_equal(and_cam(*cams), a * b)
    np.testing.assert_allclose(mean_cam(*cams), (a + b) / 2, atol=1e-6)


@given(members())
def test_the_members_stay_as_they_are(cams):
    before = numpy_of(cams).copy()
    for fuse in FUSIONS:
        fuse(*cams)
    np.testing.assert_array_equal(numpy_of(cams), before)


@given(members(), st.sampled_from([0.0, 1.0]))
def test_a_blind_and_a_certain_member_are_neutral_or_decide(cams, sure):
    fixed = np.full_like(numpy_of(cams)[0], sure)
    fixed = torch.from_numpy(fixed) if isinstance(cams[0], torch.Tensor) else fixed
    neutral, decided = (and_cam, or_cam) if sure else (or_cam, and_cam)
    np.testing.assert_allclose(neutral(*cams, fixed), neutral(*cams), atol=1e-6)
    assert (np.asarray(decided(*cams, fixed)) == sure).all()


def test_three_members_by_hand():
    cams = [np.full((1, 1, 1), value) for value in (0.5, 0.2, 0.8)]
    assert or_cam(*cams).item() == pytest.approx(1 - 0.5 * 0.8 * 0.2)
    assert and_cam(*cams).item() == pytest.approx(0.08)
    assert mean_cam(*cams).item() == pytest.approx(0.5)


@pytest.mark.parametrize("fuse", [*FUSIONS, sum_cam])
def test_shapes_must_agree_and_something_must_be_given(fuse):
    with pytest.raises(ValueError, match="resize them to one grid"):
        fuse(np.zeros((1, 2, 2)), np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match="no CAM was given"):
        fuse()


HALF = np.full((1, 2, 2), 0.5, np.float32)


@pytest.mark.parametrize("fuse", [*FUSIONS, sum_cam])
@pytest.mark.parametrize(
    ("cams", "message"),
    [
        (([HALF, HALF],), r"CAM 1 is a list; give each CAM by itself, or_cam\(a, b\) or or_cam\(\*cams\)"),
        ((HALF, HALF.tolist()), "CAM 2 is a list"),
        (((HALF, HALF),), "CAM 1 is a tuple"),
        ((HALF, 0.5), "CAM 2 is a float; give numpy or torch arrays"),
        ((HALF, None), "CAM 2 is a NoneType"),
        ((HALF, torch.from_numpy(HALF)), "arrays of numpy, torch; convert them to one kind"),
        ((HALF, 2.5 * HALF), "scores of CAM 2 reach from 1.25 to 1.25, a CAM lies in .0, 1.; normalise it"),
        ((torch.from_numpy(HALF - 1),), "scores of CAM 1 reach from -0.5 to -0.5"),
        ((HALF * np.nan,), "reach from nan to nan"),
        ((HALF, (255 * HALF).astype(np.uint8)), "CAM 2 holds uint8, not floats"),
        ((torch.ones(1, 2, 2, dtype=torch.bool),), "CAM 1 holds torch.bool, not floats"),
    ],
)
def test_what_is_no_cam_is_told_by_its_number(fuse, cams, message):
    with pytest.raises(ValueError, match=message):
        fuse(*cams)


def test_rounding_at_1_and_images_without_labels_are_no_faults():
    above = np.nextafter(np.float32(1), np.float32(2)) * np.ones((1, 2, 2), np.float32)
    assert and_cam(above, HALF).max() <= 0.5 + ROUNDING
    assert or_cam(np.zeros((0, 2, 2)), np.zeros((0, 2, 2))).shape == (0, 2, 2)


@given(st.permutations([1, 4, 9]), st.permutations([1, 4, 9]))
def test_align_brings_scores_of_one_class_together_whatever_their_order(first, second):
    cams = {
        name: random_cam("a", classes)._replace(scores=np.asarray(classes, np.float32)[:, None, None])
        for name, classes in (("cnn", first), ("vit", second))
    }
    classes, scores = align(cams)
    assert classes.tolist() == [1, 4, 9]
    for name in cams:
        assert scores[name].ravel().tolist() == [1, 4, 9]


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"size": (24, 34)}, "same images"),
        ({"scores": np.zeros((2, 5, 9), np.float32)}, "same images"),
        ({"classes": np.array([1, 2])}, "same labels"),
    ],
)
def test_members_that_do_not_fit_are_named(change, advice):
    cam = random_cam("a")
    with pytest.raises(ValueError, match=f"^a: cnn has .*vit has .*{advice}"):
        align({"cnn": cam, "vit": cam._replace(**change)})


def test_an_offset_raises_scores_and_clips_only_if_asked():
    scores = np.array([[[0.0, 0.5, 0.9]]], np.float32)
    np.testing.assert_allclose(offset_scores(scores, 0.15, clip=True), [[[0.15, 0.65, 1.0]]], rtol=1e-6)
    np.testing.assert_allclose(offset_scores(scores, 0.15, clip=False), [[[0.15, 0.65, 1.05]]], rtol=1e-6)
    assert offset_scores(scores, 0.15, clip=False).dtype == np.float32
    assert scores.max() == np.float32(0.9)


@pytest.fixture
def shards(tmp_path):
    return {name: random_shard(tmp_path / name / "1-of-1.npz", ["x1", "x2"]) for name in ("cnn", "vit", "third")}


def fuse_shards(shards, folder, settings, operators=("or", "and", "mean")):
    outputs = {f"{name}_output": folder / name / "1-of-1.npz" for name in operators}
    run(members=list(shards), cams=list(shards.values()), settings=settings, **outputs)
    return {name.removesuffix("_output"): CamStore([path]) for name, path in outputs.items()}


def test_the_stage_fuses_every_image_of_the_members(shards, tmp_path):
    stores = fuse_shards(shards, tmp_path / "fused", Settings())
    parts = [CamStore([path])["x2"].scores for path in shards.values()]
    for name, fuse in (("or", or_cam), ("and", and_cam), ("mean", mean_cam)):
        assert stores[name].image_ids == ["x1", "x2"]
        cam = stores[name]["x2"]
        assert cam.classes.tolist() == [1, 3]
        assert cam.size == (24, 33)
        np.testing.assert_allclose(cam.scores, fuse(*parts), atol=5e-4)


def test_the_stage_fuses_four_members_by_the_and_that_is_asked_for(tmp_path):
    shards = {name: random_shard(tmp_path / name / "1-of-1.npz", ["x1"]) for name in ("a", "b", "c", "d")}
    parts = [CamStore([path])["x1"].scores for path in shards.values()]
    for form, fuse in (("product", and_cam), ("geometric", geometric_and_cam)):
        stores = fuse_shards(shards, tmp_path / form, Settings.model_validate({"and": form}))
        np.testing.assert_allclose(stores["and"]["x1"].scores, fuse(*parts), atol=5e-4)
        np.testing.assert_allclose(stores["or"]["x1"].scores, or_cam(*parts), atol=5e-4)


@pytest.mark.parametrize("clip", [True, False])
def test_the_stage_raises_the_members_that_have_an_offset(shards, tmp_path, clip):
    settings = Settings(offsets={"vit": 0.15, "third": 0.2}, clip=clip)
    stores = fuse_shards(shards, tmp_path / "fused", settings)
    raised = [
        offset_scores(CamStore([path])["x1"].scores, settings.offsets.get(name, 0.0), clip=clip)
        for name, path in shards.items()
    ]
    np.testing.assert_allclose(stores["and"]["x1"].scores, OPERATORS["and"](*raised), atol=1e-3)
    np.testing.assert_allclose(stores["or"]["x1"].scores, OPERATORS["or"](*raised), atol=1e-3)


@pytest.mark.parametrize(
    ("number", "operator", "said"), [(2, "product", []), (3, "geometric", []), (3, "product", ["product_of_many"])]
)
def test_a_product_of_more_than_two_members_is_doubted(tmp_path, number, operator, said):
    names = [str(member) for member in range(number)]
    cams = [random_shard(tmp_path / name / "1-of-1.npz", ["x1"]) for name in names]
    with collected_warnings() as found:
        run(members=names, cams=cams, settings=Settings(**{"and": operator}), and_output=tmp_path / "and.npz")
        assert [warning["code"] for warning in found] == said


def test_the_geometric_and_of_members_that_are_raised_and_not_clipped_may_leave_the_unit_interval(shards, tmp_path):
    settings = Settings(offsets={"vit": 0.15, "third": 0.2}, clip=False, **{"and": "geometric"})
    raised = [
        offset_scores(CamStore([path])["x1"].scores, settings.offsets.get(name, 0.0), clip=False)
        for name, path in shards.items()
    ]
    stores = fuse_shards(shards, tmp_path / "fused", settings)
    np.testing.assert_allclose(stores["and"]["x1"].scores, OPERATORS["geometric and"](*raised), atol=1e-3)


def test_several_offsets_without_clipping_may_raise_the_and_above_their_sum(tmp_path):
    certain = random_cam("a")._replace(scores=np.ones((2, 6, 9), np.float32))
    shards = {name: tmp_path / name / "1-of-1.npz" for name in ("cnn", "vit")}
    for path in shards.values():
        write_shard(path, [certain])
    stores = fuse_shards(shards, tmp_path / "fused", Settings(offsets={"cnn": 0.5, "vit": 0.5}, clip=False))
    assert stores["and"]["a"].scores.max() == pytest.approx(2.25)


@pytest.mark.parametrize(("clip", "highest"), [(False, 2.15), (True, 2.0)])
def test_the_official_naive_ensemble_is_a_sum_that_is_not_brought_back_to_1(tmp_path, clip, highest):
    scores = np.zeros((2, 6, 9), np.float32)
    scores[0] = 1
    shards = {name: tmp_path / name / "1-of-1.npz" for name in ("resnet50", "vit")}
    for path in shards.values():
        write_shard(path, [random_cam("a")._replace(scores=scores)])
    settings = Settings(offsets={"vit": 0.15}, clip=clip)
    stores = fuse_shards(shards, tmp_path / "fused", settings, operators=("sum",))
    assert [path.name for path in (tmp_path / "fused").iterdir()] == ["sum"]
    found = stores["sum"]["a"].scores
    np.testing.assert_allclose((found[0, 0, 0], found[1, 0, 0]), (highest, 0.15), atol=1e-3)


def test_masks_and_labels_are_made_of_a_sum_as_of_any_map():
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    scores = np.full((1, 6, 8), 0.15, np.float32)  # the floor of the official sum
    scores[:, :3] = 2.15
    assert (pseudo_mask(scores, [4], background_threshold=0.3) == np.where(scores[0] > 1, 4, 0)).all()
    labels = ir_label(
        rgb, scores, np.array([4]), foreground_threshold=0.3, background_threshold=0.05, crf=CrfSettings(iterations=1)
    )
    assert set(np.unique(labels)) <= {0, 4, 255}
    assert (labels[:2] == 4).mean() > 0.5


def test_the_stage_refuses_lonely_members_and_offsets_of_strangers(shards, tmp_path):
    with pytest.raises(ValueError, match="two or more"):
        fuse_shards({"cnn": shards["cnn"]}, tmp_path, Settings())
    with pytest.raises(ValueError, match=r"fusion.offsets: \['deit'\] are no members"):
        fuse_shards(shards, tmp_path, Settings(offsets={"deit": 0.1}))


def test_the_stage_refuses_to_write_nothing(shards, tmp_path):
    with pytest.raises(ValueError, match="none is given"):
        fuse_shards(shards, tmp_path, Settings(), operators=())


def test_an_image_that_a_member_lacks_is_named(shards, tmp_path):
    fewer = random_shard(tmp_path / "fewer" / "1-of-1.npz", ["x1"])
    with pytest.raises(ValueError, match=r"^x2: not in this CAM store of 1 images"):
        fuse_shards({**shards, "fewer": fewer}, tmp_path / "fused", Settings())
    assert not list((tmp_path / "fused").rglob("*.npz"))
