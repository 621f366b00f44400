"""AMN: conditioning on labels, its loss and training, and CAMs without a background channel."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from orandnet.cam.amn import amn_maps
from orandnet.cam.maps import cams as make_cams
from orandnet.cam.settings import KIND_DEFAULTS
from orandnet.cam.settings import Settings as CamSettings
from orandnet.cam.stage import run as make_store
from orandnet.classifier.amn import AtrousPyramid
from orandnet.classifier.amn_training import activation_loss, conditioned_task
from orandnet.classifier.network import create_classifier, load_classifier, start_classifier
from orandnet.classifier.settings import KIND_DEFAULTS as CLASSIFIER_DEFAULTS
from orandnet.classifier.settings import Settings
from orandnet.classifier.stage import run, training_task
from orandnet.dataset.index import Record
from orandnet.files.checkpoint import encode, load_weights, save_weights
from orandnet.files.mask import MaskList, write_mask, write_mask_list
from orandnet.files.store import CamStore, write_shard
from orandnet.job.training_job import TrainingJob
from orandnet.maps.grid import grid_shape
from orandnet.training.optimizer import build_optimizer
from orandnet.training.pixel_loss import pixel_cross_entropy

NUM_FOREGROUND = 3
SMALL = {
    "kind": "amn",
    "backbone": {"model": "test_resnet", "pretrained": False},
    "freeze_batch_norm": False,
    "crop_size": 32,
    "amn": {"dilations": [1, 2], "random_scale": [1.0, 1.0]},
}
ONE, TWO = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 1.0, 0]])


def network_of(changes=SMALL):
    torch.manual_seed(0)
    return create_classifier(Settings.model_validate(changes), NUM_FOREGROUND)


@pytest.fixture(scope="module")
def network():
    """A network with initial values large enough to tell classes apart, in inference mode."""
    network = network_of().eval()
    for branch in network.head.branches:
        torch.nn.init.normal_(branch.weight, std=0.3)
    return network


@pytest.fixture(scope="module")
def rgb():
    return torch.randint(0, 256, (1, 3, 48, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@torch.no_grad()
def test_labels_weigh_each_channel_of_the_features_by_their_embedding(network, rgb):
    features = network.backbone(rgb)[-1]
    weight, bias = network.conditioning.weight, network.conditioning.bias
    for labels, column in ((ONE, 0), (TWO, 1)):
        expected = features * (weight[:, column] + bias).view(1, -1, 1, 1)
        torch.testing.assert_close(network.conditioned(rgb, labels), expected)
    assert (network.conditioned(rgb, ONE) - network.conditioned(rgb, TWO)).abs().max() > 1e-2
    assert (network(rgb, ONE) - network(rgb, TWO)).abs().max() > 1e-2


@torch.no_grad()
def test_each_image_of_a_batch_has_its_own_labels(network, rgb):
    both = network(rgb.expand(2, -1, -1, -1), torch.cat([ONE, TWO]))
    assert both.shape == (2, NUM_FOREGROUND + 1, 3, 4)
    torch.testing.assert_close(both, torch.cat([network(rgb, ONE), network(rgb, TWO)]), atol=1e-5, rtol=1e-4)


def test_the_head_sees_as_far_as_each_of_its_dilations():
    head = AtrousPyramid(2, 4, dilations=(6, 12, 18, 24))
    features = torch.zeros(1, 2, 61, 61, requires_grad=True)
    head(features)[0, 0, 30, 30].backward()
    seen = np.argwhere(features.grad[0, 0].numpy())
    assert sorted(set(seen[:, 0].tolist())) == [6, 12, 18, 24, 30, 36, 42, 48, 54]
    assert len(seen) == 4 * 8 + 1


def test_the_loss_by_hand_with_a_missing_kind_of_cell_and_with_none_at_all():
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 1.0]], [[1.0, 3.0]]]])  # three classes, two cells
    log_p = logits.log_softmax(dim=1)[0, :, 0]
    smooth = torch.full((3, 3), 0.2).fill_diagonal_(0.6)  # 1 - 0.4, and 0.4 shared by two others
    torch.testing.assert_close(smooth.sum(dim=1), torch.ones(3))
    cell = [[-(smooth[label] * log_p[:, place]).sum() for label in range(3)] for place in range(2)]

    def loss(*labels):
        return pixel_cross_entropy(logits, torch.tensor([[labels]]), label_smoothing=0.4, balanced=True)

    torch.testing.assert_close(loss(0, 2), (cell[0][0] + cell[1][2]) / 2)
    torch.testing.assert_close(loss(0, 255), cell[0][0] / 2)
    torch.testing.assert_close(loss(255, 1), cell[1][1] / 2)
    torch.testing.assert_close(loss(1, 2), (cell[0][1] + cell[1][2]) / 4)
    assert loss(255, 255) == 0


def test_the_training_loss_reads_cells_of_the_grid_and_the_official_smoothing(network, rgb):
    target = torch.zeros(1, 12, 16, dtype=torch.uint8)
    target[:, 4:8] = 1
    with torch.no_grad():
        logits = torch.nn.functional.interpolate(network(rgb, ONE), (12, 16), mode="bilinear")
        expected = pixel_cross_entropy(logits, target, label_smoothing=0.4, balanced=True)
        found = activation_loss(network, (rgb, target, ONE), label_smoothing=Settings().amn.label_smoothing)
    torch.testing.assert_close(found["loss"], expected)


def test_what_is_new_learns_faster_and_every_parameter_learns_once():
    network = network_of()
    groups = network.groups(20.0)
    assert [group["lr_factor"] for group in groups] == [1.0, 20.0]
    learning = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(learning) == sorted(map(id, network.parameters()))
    assert set(map(id, groups[0]["params"])) == set(map(id, network.backbone.parameters()))


def test_batch_statistics_and_layers_can_be_frozen():
    network = network_of({**SMALL, "freeze_batch_norm": True, "frozen_layers": ["conv1"]}).train()
    assert network.dropout.training
    assert not network.backbone.stages.bn1.training
    assert {name.split(".")[0] for name, p in network.backbone.stages.named_parameters() if not p.requires_grad} == {
        "conv1"
    }


def test_the_default_recipe_is_that_of_the_paper():
    settings = Settings.model_validate({"kind": "amn", **CLASSIFIER_DEFAULTS["amn"]})
    training, amn = settings.training, settings.amn
    assert (training.optimizer, training.learning_rate, training.head_learning_rate_factor) == ("adam", 5e-6, 20)
    assert (training.epochs, training.batch_size, training.weight_decay, settings.crop_size) == (5, 16, 1e-4, 512)
    assert (amn.dilations, amn.dropout, amn.label_smoothing) == ((6, 12, 18, 24), 0.1, 0.4)
    assert amn.random_scale == (0.5, 1.5)
    assert (settings.backbone.model, settings.output_stride) == ("resnet50.tv_in1k", 16)


def test_a_window_that_is_no_whole_number_of_cells_is_refused():
    with pytest.raises(ValueError, match="crop_size 34 is not a multiple of 4"):
        Settings.model_validate({**SMALL, "crop_size": 34})


@pytest.fixture
def data_set(tmp_path):
    """Images of one bright square of two colours each, with labels of all but their border, as the stages read them."""
    records, rows = [], ["image_id,image,mask,split,height,width,labels"]
    for number in range(8):
        class_id, name = 1 + number % 3, f"i{number}"
        rgb = np.random.default_rng(number).integers(0, 40, (32, 48, 3), dtype=np.uint8)
        label = np.zeros((32, 48), np.uint8)
        rgb[8:24, 16:32, class_id - 1] += 150
        rgb[8:24, 24:32] += 50
        label[8:24, 16:32] = class_id
        label[:2] = 255
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
        write_mask(tmp_path / "labels" / f"{name}.png", label)
        records.append(Record(name, str(tmp_path / f"{name}.png"), "train", (32, 48), (class_id,)))
        rows.append(f"{name},{records[-1].image},,train,32,48,{'xyz'[class_id - 1]}")
    write_mask_list(tmp_path / "labels" / "1-of-1.csv", [{"image_id": record.image_id} for record in records])
    (tmp_path / "index.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "classes.json").write_text('{"classes": ["x", "y", "z"]}')
    return tmp_path, records


def test_a_sample_is_a_window_with_the_labels_of_its_cells_and_of_the_whole_image(data_set):
    folder, records = data_set
    settings = Settings.model_validate(SMALL)
    sample, _ = conditioned_task(records, [folder / "labels/1-of-1.csv"], settings, NUM_FOREGROUND, (7, 8, 9))
    rgb, cells, labels = sample(1, np.random.default_rng(0), 0.0)
    assert (rgb.shape, rgb.dtype) == ((3, 32, 32), torch.uint8)
    assert (cells.shape, cells.dtype) == ((8, 8), torch.uint8)
    assert set(cells.unique().tolist()) <= {0, 2, 255}
    assert labels.tolist() == [0, 1, 0]
    bright = rgb[1, 2::4, 2::4] > 100
    assert bright.any()
    assert (cells[bright] == 2).all()


def test_an_image_without_labels_is_told_before_the_training(data_set):
    folder, records = data_set
    missing = Record("other", records[0].image, "train", (32, 48), (1,))
    with pytest.raises(ValueError, match="other: no mask"):
        conditioned_task(
            [*records, missing], [folder / "labels/1-of-1.csv"], Settings.model_validate(SMALL), 3, (0,) * 3
        )


@pytest.mark.parametrize(("kind", "labels"), [("amn", []), ("cnn", ["labels.csv"])])
def test_labels_go_to_amn_and_to_no_other_kind(kind, labels):
    with pytest.raises(
        ValueError, match=f"labels: {len(labels)} lists are given to a classifier of kind {kind}; give "
    ):
        training_task([], labels, Settings.model_validate({**SMALL, "kind": kind}), 3, (0, 0, 0))


def test_the_backbone_can_start_from_the_seed_sources(tmp_path):
    cnn = network_of({**SMALL, "kind": "cnn"})
    save_weights(tmp_path / "w", cnn.state_dict(), {})
    hub = Settings.model_validate({**SMALL, "backbone": {"model": "test_resnet", "pretrained": True}})
    torch.manual_seed(1)
    started = start_classifier(hub, NUM_FOREGROUND, initial_weights=tmp_path / "w")
    for name, value in started.backbone.state_dict().items():
        assert value.equal(cnn.backbone.state_dict()[name]), name


def test_a_saved_network_gives_the_same_logits_again(tmp_path, network, rgb):
    settings = Settings.model_validate(SMALL)
    metadata = {"classifier": settings.canonical_json(), "classes": encode(["x", "y", "z"])}
    save_weights(tmp_path / "w", network.state_dict(), metadata)
    loaded, found, _ = load_classifier(tmp_path / "w")
    assert found == settings
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(rgb, ONE), network(rgb, ONE))


@torch.no_grad()
def test_maps_are_the_softmax_of_mean_logits_of_the_own_classes(network, rgb):
    labels = torch.tensor([[1.0, 0, 1]])
    shape = grid_shape((48, 64))
    logits = []
    for image in (rgb, rgb.flip(-1)):
        found = torch.nn.functional.interpolate(network(image, labels), shape, mode="bilinear")[0]
        logits.append(found if image is rgb else found.flip(-1))
    probabilities = torch.stack(logits).mean(dim=0).softmax(dim=0)
    (found,) = amn_maps(network, rgb, [(1, 3)], scales=[1.0], flip=True)
    torch.testing.assert_close(found, probabilities[[1, 3]], atol=1e-5, rtol=1e-4)
    assert (found.sum(dim=0) < 1).all()  # background and class 2 have their shares
    (once,) = amn_maps(network, rgb, [(1, 3)], scales=[1.0], flip=False)
    torch.testing.assert_close(amn_maps(network, rgb, [(1, 3)], scales=[1.0, 1.0], flip=False)[0], once)
    (alone,) = amn_maps(network, rgb, [(1,)], scales=[1.0], flip=True)
    assert (alone[0] - found[0]).abs().max() > 1e-3


def test_the_store_holds_foreground_from_0_to_1_and_no_background(network, data_set):
    folder, records = data_set
    records = [replace(records[0], classes=(1, 3)), replace(records[1], classes=())]
    settings = CamSettings.model_validate({**KIND_DEFAULTS["amn"], "scales": [0.5, 1.0]})
    trained = Settings.model_validate({**SMALL, "kind": "amn"})
    cams = list(make_cams(network, records, settings, trained, torch.device("cpu")))
    write_shard(folder / "1-of-1.npz", cams)
    store = CamStore([folder / "1-of-1.npz"])
    both, empty = (store[record.image_id] for record in records)
    assert both.classes.tolist() == [1, 3]
    assert both.scores.shape == (2, *grid_shape((32, 48)))
    assert both.scores.min(axis=(1, 2)).tolist() == [0, 0]
    np.testing.assert_allclose(both.scores.max(axis=(1, 2)), 1, atol=2e-3)
    assert empty.scores.shape == (0, *grid_shape((32, 48)))


def test_where_the_seed_says_background_the_probability_stays_as_it_is(network, data_set):
    folder, records = data_set
    listed, trained = [folder / "labels/1-of-1.csv"], Settings.model_validate({**SMALL, "kind": "amn"})
    save_weights(
        folder / "w.safetensors",
        network.state_dict(),
        {"classifier": trained.canonical_json(), "classes": encode(["x", "y", "z"])},
    )
    stores = {}
    for raw in (False, True):
        settings = CamSettings.model_validate({**KIND_DEFAULTS["amn"], "scales": [1.0], "raw_background": raw})
        place = {"index": folder / "index.csv", "weights": folder / "w.safetensors", "settings": settings}
        make_store(**place, output=folder / f"{raw}.npz", labels=listed if raw else None, device="cpu")
        stores[raw] = CamStore([folder / f"{raw}.npz"])
        with pytest.raises(
            ValueError, match=r"labels: \d lists are given for a network of kind amn with raw_background: "
        ):
            make_store(**place, output=folder / "x.npz", labels=None if raw else listed, device="cpu")
    for record in records:
        normal, raw = (stores[name][record.image_id].scores[0] for name in (False, True))
        label = np.array(Image.fromarray(MaskList(listed).read(record.image_id)).resize((12, 8), Image.NEAREST))
        assert set(label.ravel()) == {0, record.classes[0]}
        np.testing.assert_array_equal(raw[label != 0], normal[label != 0])
        rgb = torch.from_numpy(np.array(Image.open(record.image)).transpose(2, 0, 1))[None]
        (probabilities,) = amn_maps(network, rgb, [record.classes], scales=[1.0], flip=True)
        np.testing.assert_allclose(raw[label == 0], probabilities[0].numpy()[label == 0], atol=1e-3)
        assert np.abs(raw - normal)[label == 0].max() > 0.05


def test_a_short_training_lifts_the_cam_of_the_object_above_its_surroundings(data_set):
    folder, records = data_set
    settings = Settings.model_validate(
        {
            **SMALL,
            "output_stride": 8,
            "training": {"epochs": 20, "batch_size": 8, "optimizer": "adam", "learning_rate": 3e-3, "momentum": 0},
        }
    )
    job = TrainingJob(folder / "w.safetensors", folder / "history.csv", folder / ".state", key="key", device="cpu")
    run(index=folder / "index.csv", labels=[folder / "labels/1-of-1.csv"], settings=settings, job=job)
    network, trained, _ = load_classifier(folder / "w.safetensors")
    cams = make_cams(network, records, CamSettings(scales=[1.0], normalise="min_max"), trained, torch.device("cpu"))
    for cam in cams:
        inside = np.zeros(cam.scores.shape[1:], bool)
        inside[2:6, 4:8] = True
        assert cam.scores[0][inside].mean() > 2 * cam.scores[0][~inside].mean()
    losses = [float(line.split(",")[2]) for line in (folder / "history.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 0.9 * losses[0]
    assert "amn" in load_weights(folder / "w.safetensors")[1]["classifier"]


def test_adam_decays_by_the_gradient_and_adamw_apart_from_it():
    settings = Settings.model_validate({**SMALL, "training": {"optimizer": "adam", "weight_decay": 0.02}}).training
    adam = build_optimizer([{"params": [torch.nn.Parameter(torch.ones(1))], "lr_factor": 1.0}], settings)
    assert type(adam) is torch.optim.Adam
    assert adam.param_groups[0]["weight_decay"] == 0.02
