"""Names of models are looked up in timm's source, which says what timm itself says."""

import subprocess
import sys
import warnings

import pytest

from orandnet.config import timm_models
from orandnet.config.timm_models import unknown_model
from orandnet.job.fingerprint import PACKAGE_FOLDER


def test_models_that_timm_lists_are_known():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
        from timm.models._registry import _deprecated_models
    names = sorted({*timm.list_models(), *timm.list_models(pretrained=True), *_deprecated_models})
    assert len(names) > 1000
    quick = [name for name in names if "quickgelu" in name]
    assert "vit_base_patch16_clip_quickgelu_224.openai" in quick
    # all take half a minute, and were once asked
    assert [name for name in (*names[::17], *quick) if unknown_model(name)] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet5000", "timm has no model 'resnet5000'; did you mean 'resnet50'?"),
        ("resnet50.tv_in2k", "timm's 'resnet50' has no weights 'tv_in2k'; they are "),
        ("vit_base_patch16_clip_quickgelu_224.opnai", "has no weights 'opnai'; they are datacompxl, "),
        ("wideresnet83", "did you mean 'wideresnet38'?"),
        ("$(touch x)", "timm has no model '$(touch x)'; write a name of its list."),
        ("", "timm has no model ''; "),
        ("_cfg", "timm has no model '_cfg'; "),
        ("forward", "timm has no model 'forward'; "),
    ],
)
def test_a_name_that_timm_does_not_know_is_answered_with_a_near_one(name, message):
    assert message in unknown_model(name)


def test_what_cannot_be_asked_is_left_to_the_job(monkeypatch):
    assert unknown_model("wideresnet38") is unknown_model("hf-hub:someone/model") is None
    monkeypatch.setattr(timm_models, "_source", lambda: None)
    assert unknown_model.__wrapped__("resnet5000") is None


def test_timm_is_not_imported():
    lines = ("import sys", "from orandnet.config.timm_models import unknown_model", "assert unknown_model('resnet5')")
    script = "\n".join([*lines, "print(*sys.modules)"])
    environment = {"PYTHONPATH": str(PACKAGE_FOLDER.parent)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert not {"timm", "torch"} & set(done.stdout.split())
