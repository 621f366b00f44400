"""The CRF's own kernel: compiled where it can be, equal to pydensecrf, and friendly to threads."""

import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from orandnet.crf import kernel
from orandnet.crf.dense_crf import CrfSettings, crf_from_probabilities
from orandnet.dataset.scenes.drawing import CLASS_NAMES, draw_scene
from orandnet.files.manifest import versions
from orandnet.prediction.settings import PredictSettings

IRN, TEST_TIME = CrfSettings(), PredictSettings().crf
compiled = pytest.mark.skipif(not kernel.library(), reason="the CRF's own kernel is not compiled here")


@pytest.fixture
def without_own_kernel(monkeypatch):
    """Return a function that turns the rest of a test to pydensecrf."""
    return lambda: monkeypatch.setattr(kernel, "library", lambda: None)


def scene(size, seed=0):
    """A drawn picture: textures, light, grain."""
    return draw_scene(np.random.default_rng(seed), size, CLASS_NAMES[seed]).rgb


def probabilities(num_labels, size, seed=0):
    """Smooth probabilities with some noise, so that the CRF has something to decide."""
    generator = np.random.default_rng(seed)
    rows, columns = np.linspace(0, 3, size[0])[:, None], np.linspace(0, 4, size[1])
    logits = [
        a * np.sin(rows * b + c) + a * np.cos(columns * c) for a, b, c in generator.uniform(0.5, 2, (num_labels, 3))
    ]
    odds = np.exp(np.stack(logits) + generator.normal(size=(num_labels, *size)))
    return (odds / odds.sum(axis=0)).astype(np.float32)


def on_both(rgb, given, settings, without_own_kernel):
    own = crf_from_probabilities(rgb, given, settings=settings, min_probability=0)
    without_own_kernel()
    return own, crf_from_probabilities(rgb, given, settings=settings, min_probability=0)


def energies(maps, labels, size):
    return -np.log(np.stack([probabilities(labels, size, seed) for seed in range(maps)]))


def test_the_kernel_is_compiled_where_there_is_a_compiler():
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler here")
    assert kernel.LIBRARY.is_file(), "run `make install`, or in this folder `python setup.py build_ext --inplace`"
    assert kernel.library(), f"{kernel.LIBRARY} is of another state of kernel.cpp; run `make install`"


@compiled
@pytest.mark.parametrize("settings", [IRN, TEST_TIME], ids=["irn", "test time"])
@pytest.mark.parametrize(
    ("num_labels", "size"), [(2, (94, 125)), (3, (61, 47)), (4, (33, 64)), (5, (50, 50)), (21, (75, 90))]
)
def test_labels_and_probabilities_are_those_of_pydensecrf(num_labels, size, settings, without_own_kernel):
    given = probabilities(num_labels, size)
    own, expected = on_both(scene(size, num_labels % 5), given, settings, without_own_kernel)
    assert (own.argmax(axis=0) == expected.argmax(axis=0)).mean() >= 0.9999
    assert (own.argmax(axis=0) != given.argmax(axis=0)).any()
    assert np.abs(own - expected).mean() < 1e-5
    np.testing.assert_allclose(own.sum(axis=0), 1, atol=1e-5)


@compiled
@pytest.mark.parametrize("size", [(1, 1), (1, 97), (97, 1), (2, 3), (63, 1), (64, 1), (5, 13)])
def test_small_and_thin_images_are_those_of_pydensecrf(size, without_own_kernel):
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    own, expected = on_both(rgb, probabilities(3, size), IRN, without_own_kernel)
    np.testing.assert_allclose(own, expected, atol=1e-3)


@compiled
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_images_of_one_colour_are_those_of_pydensecrf(grey, without_own_kernel):
    rgb = np.full((40, 56, 3), grey, dtype=np.uint8)
    own, expected = on_both(rgb, probabilities(3, (40, 56)), TEST_TIME, without_own_kernel)
    assert (own.argmax(axis=0) == expected.argmax(axis=0)).all()
    np.testing.assert_allclose(own, expected, atol=1e-3)


@compiled
@pytest.mark.parametrize("labels", [1, 2, 3, 5, 13])
def test_any_number_of_labellings_have_the_bytes_they_have_alone(labels):
    given = energies(7, labels, (30, 41))
    rgb, settings = scene((30, 41)), IRN.model_dump()
    together = kernel.mean_field(rgb, given, **settings)
    for energy, found in zip(given, together, strict=True):
        np.testing.assert_array_equal(kernel.mean_field(rgb, energy[None], **settings)[0], found)


@compiled
def test_a_shift_of_all_energies_of_a_pixel_changes_nothing():
    given = energies(1, 3, (30, 41))
    shifted = kernel.mean_field(scene((30, 41)), given + 500, **IRN.model_dump())
    np.testing.assert_allclose(shifted, kernel.mean_field(scene((30, 41)), given, **IRN.model_dump()), atol=1e-3)


@compiled
def test_terms_without_weight_leave_the_softmax_of_the_energies():
    given, settings = energies(2, 4, (20, 30)), IRN.model_copy(update={"gaussian_compat": 0, "bilateral_compat": 0})
    found = kernel.mean_field(scene((20, 30)), given, **settings.model_dump())
    np.testing.assert_allclose(found, np.exp(-given), rtol=1e-5)


@compiled
def test_two_calls_in_threads_have_the_bytes_of_calls_in_sequence():
    work = [(scene((90, 120), seed), energies(1, labels, (90, 120))) for seed, labels in ((0, 2), (1, 3), (2, 6))] * 2

    def run(one):
        return kernel.mean_field(*one, **TEST_TIME.model_dump()).tobytes()

    expected = list(map(run, work))
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, work)) == expected


@compiled
def test_other_threads_run_during_a_call():
    rgb, given = scene((200, 200)), energies(1, 21, (200, 200))
    settings = IRN.model_dump() | {"iterations": 20}
    call = threading.Thread(target=lambda: kernel.mean_field(rgb, given, **settings))
    call.start()
    ticks = 0
    while call.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 10  # one or two if the call kept Python's lock


@compiled
@pytest.mark.parametrize("name", ["gaussian_sxy", "bilateral_sxy", "bilateral_srgb"])
def test_deviations_too_small_for_single_precision_are_refused(name):
    settings = IRN.model_copy(update={name: 1e-6})
    with pytest.raises(ValueError, match=f"{name} 1e-06"):
        kernel.mean_field(scene((8, 8)), energies(1, 2, (8, 8)), **settings.model_dump())


@compiled
def test_a_library_of_another_source_is_not_used(tmp_path, monkeypatch):
    changed = tmp_path / "kernel.cpp"
    changed.write_text(kernel.SOURCE.read_text() + "// later\n")
    monkeypatch.setattr(kernel, "SOURCE", changed)
    assert kernel.library.__wrapped__() is None


def test_without_a_library_pydensecrf_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "LIBRARY", tmp_path / "none.so")
    assert kernel.library.__wrapped__() is None
    (tmp_path / "none.so").write_text("no library")
    assert kernel.library.__wrapped__() is None


def test_manifests_of_stages_with_a_crf_name_the_kernel(monkeypatch, without_own_kernel):
    assert versions()["crf_kernel"] == kernel.in_use()
    without_own_kernel()
    assert versions()["crf_kernel"] == "pydensecrf"
    monkeypatch.delitem(sys.modules, "orandnet.crf.kernel")
    assert "crf_kernel" not in versions()
