"""How each network is built: torchvision's with our stem and head, a small CNN, CBAM, ensembles.

torchvision takes seconds to import, so only the builders that need it import it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from pneumo_core.architectures import ModelSpec


class PooledClassifier(nn.Module):
    """Convolutional features, global average pooling, and a classifier on the pooled vector.

    The modules are called `features` and `classifier`, as torchvision calls them, so that its
    weights fit. Everything before the pooling is a module of its own, which torchvision's
    DenseNet (a functional, in-place ReLU after the last batch norm) does not grant: class
    activation maps need the activations as they go into the pooling.
    """

    def __init__(self, features: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to raw outputs (N, K)."""
        pooled = F.adaptive_avg_pool2d(self.features(images), 1)
        return self.classifier(pooled.flatten(1))


class Ensemble(nn.Module):
    """Networks of one kind, trained apart, whose raw outputs are averaged.

    With one or two outputs that is the mean of the members' log-odds; with more, the geometric
    mean of their probabilities.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to raw outputs (N, K)."""
        return torch.stack([member(images) for member in self.members]).mean(0)


def small_cnn_features(
    channels: int, small_stem: bool, widths: tuple[int, ...] = (32, 64, 128, 256)
) -> nn.Sequential:
    """Build blocks of two 3x3 convolutions with batch norm and ReLU, halving between blocks.

    The standard stem, for inputs of 100 px and more, halves twice more: its first convolution is
    5x5 with stride 2 and a max pooling follows. No pooling after the last block.
    """
    blocks: list[nn.Module] = []
    before = channels
    for index, width in enumerate(widths):
        large = index == 0 and not small_stem
        blocks.append(
            nn.Sequential(
                nn.Identity() if index == 0 else nn.MaxPool2d(2),
                nn.Conv2d(before, width, 5, stride=2, padding=2, bias=False)
                if large
                else nn.Conv2d(before, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2) if large else nn.Identity(),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
        )
        before = width
    features = nn.Sequential(*blocks)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return features


class CBAM(nn.Module):
    """Convolutional block attention: which channels, then where (Woo et al., ECCV 2018).

    Channel attention: sigmoid(MLP(mean over positions) + MLP(maximum over positions)), one MLP
    with a hidden layer of width / reduction. Spatial attention: sigmoid(7x7 convolution over the
    channels' mean and maximum). The input is multiplied by the one, then by the other.
    """

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, width // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(width // reduction, width),
        )
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) of the same shape, re-weighted."""
        channel = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        x = x * channel[:, :, None, None]
        position = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.spatial(position))


class CBAMBasicBlock(nn.Module):
    """ResNet's basic block with CBAM on the residual branch, before the addition.

    Module names and the signature are those of torchvision's BasicBlock: its ResNet builds
    itself from this block, and its ImageNet weights fit all but the attention.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,  # noqa: ARG002
        base_width: int = 64,  # noqa: ARG002
        dilation: int = 1,  # noqa: ARG002
        norm_layer: type[nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = norm_layer(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = norm_layer(planes)
        self.cbam = CBAM(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inplanes, H, W) to (N, planes, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.cbam(self.bn2(self.conv2(residual)))
        return self.relu(residual + shortcut)


class MaxPooledInceptionE(nn.Module):
    """Inception's last mixed block with maximum instead of mean pooling in its pooling branch.

    Google's 2015-12-05 weights were trained with it; torchvision's InceptionE takes the mean.
    Built from such a block, whose branches it takes over under their names.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        for name, branch in block.named_children():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2048, H, W)."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(F.max_pool2d(x, 3, stride=1, padding=1)),
        ]
        return torch.cat(branches, dim=1)


def _head(features: int, spec: "ModelSpec") -> nn.Sequential:
    layers: list[nn.Module] = []
    if spec.dropout:
        layers.append(nn.Dropout(spec.dropout))
    if spec.hidden:
        layers += [nn.Linear(features, spec.hidden), nn.ReLU()]
    layers.append(nn.Linear(spec.hidden or features, spec.outputs))
    return nn.Sequential(*layers)


def _stem(old: nn.Conv2d, channels: int, small: bool) -> nn.Conv2d:
    """Return a first convolution for `channels` inputs; the small one is 3x3 with stride 1."""
    if channels == old.in_channels and not small:
        return old
    kernel = 3 if small else old.kernel_size
    new = nn.Conv2d(
        channels,
        old.out_channels,
        kernel,
        stride=1 if small else old.stride,
        padding=1 if small else old.padding,
        bias=old.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    return new


def cnn(spec: "ModelSpec") -> nn.Module:
    """Build the small CNN."""
    features = small_cnn_features(spec.channels, spec.stem == "small")
    return PooledClassifier(features, _head(256, spec))


def _finish_resnet(model: nn.Module, spec: "ModelSpec") -> nn.Module:
    small = spec.stem == "small"
    model.conv1 = _stem(model.conv1, spec.channels, small)
    if small:
        model.maxpool = nn.Identity()
    model.fc = _head(model.fc.in_features, spec)
    set_variant(model, spec)
    return model


def resnet18(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's ResNet-18."""
    from pneumo_core.vision import torchvision

    return _finish_resnet(torchvision.models.resnet18(num_classes=1), spec)


def resnet18_c4(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's ResNet-18 up to its third stage: a quarter of the weights.

    Detectors call such a backbone C4, after the last convolutions it keeps. What helps when
    ImageNet's weights are taken to medical images are the lower layers (Raghu et al.,
    "Transfusion", NeurIPS 2019).
    """
    from pneumo_core.vision import torchvision

    model = torchvision.models.resnet18(num_classes=1)
    model.layer4 = nn.Identity()
    model.fc = nn.Linear(256, 1)
    return _finish_resnet(model, spec)


def resnet18_half(spec: "ModelSpec") -> nn.Module:
    """Build a ResNet-18 of half the width: a quarter of the weights and of the work."""
    from pneumo_core.vision import torchvision

    block = torchvision.models.resnet.BasicBlock
    model = torchvision.models.resnet18(num_classes=1)
    model.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)
    model.bn1 = nn.BatchNorm2d(32)
    before = 32
    for index, width in enumerate((32, 64, 128, 256)):
        stride = 1 if index == 0 else 2
        shortcut = None
        if stride == 2:
            shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride=2, bias=False), nn.BatchNorm2d(width)
            )
        first = block(before, width, stride, shortcut)
        setattr(model, f"layer{index + 1}", nn.Sequential(first, block(width, width)))
        before = width
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    model.fc = nn.Linear(before, 1)
    return _finish_resnet(model, spec)


def resnet50(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's ResNet-50."""
    from pneumo_core.vision import torchvision

    return _finish_resnet(torchvision.models.resnet50(num_classes=1), spec)


def resnet18_cbam(spec: "ModelSpec") -> nn.Module:
    """Build a ResNet-18 with CBAM in every block."""
    from pneumo_core.vision import torchvision

    model = torchvision.models.ResNet(CBAMBasicBlock, [2, 2, 2, 2], num_classes=1)
    return _finish_resnet(model, spec)


def mobilenet_v2(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's MobileNetV2."""
    from pneumo_core.vision import torchvision

    features = torchvision.models.mobilenet_v2(num_classes=1).features
    small = spec.stem == "small"
    features[0][0] = _stem(features[0][0], spec.channels, small)
    if small:
        features[2].conv[1][0].stride = (1, 1)
    return PooledClassifier(features, _head(1280, spec))


def efficientnet_b0(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's EfficientNet-B0."""
    from pneumo_core.vision import torchvision

    features = torchvision.models.efficientnet_b0(num_classes=1).features
    small = spec.stem == "small"
    features[0][0] = _stem(features[0][0], spec.channels, small)
    if small:
        features[2][0].block[1][0].stride = (1, 1)
    return PooledClassifier(features, _head(1280, spec))


def densenet(depth: int) -> Callable[["ModelSpec"], nn.Module]:
    """Return the builder of torchvision's DenseNet of that depth."""

    def build(spec: "ModelSpec") -> nn.Module:
        from pneumo_core.vision import torchvision

        net = getattr(torchvision.models, f"densenet{depth}")(num_classes=1)
        features = net.features
        small = spec.stem == "small"
        features.conv0 = _stem(features.conv0, spec.channels, small)
        if small:
            features.pool0 = nn.Identity()
        features.add_module("relu5", nn.ReLU())
        return PooledClassifier(features, _head(net.classifier.in_features, spec))

    return build


def squeezenet1_1(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's SqueezeNet 1.1, with a linear head in place of its own."""
    from pneumo_core.vision import torchvision

    # torchvision's own head ends in a ReLU, which would cut every negative logit off.
    features = torchvision.models.squeezenet1_1(num_classes=1).features
    small = spec.stem == "small"
    features[0] = _stem(features[0], spec.channels, small)
    if small:
        features[2] = nn.Identity()
    return PooledClassifier(features, _head(512, spec))


def inception_v3(spec: "ModelSpec") -> nn.Module:
    """Build torchvision's Inception v3 without its auxiliary head."""
    from pneumo_core.vision import torchvision

    # No auxiliary head, so that forward returns one tensor in training too; no transform_input,
    # because normalisation is the business of preprocessing alone.
    model = torchvision.models.inception_v3(
        num_classes=1, aux_logits=False, transform_input=False, init_weights=True
    )
    model.Conv2d_1a_3x3.conv = _stem(model.Conv2d_1a_3x3.conv, spec.channels, small=False)
    model.dropout = nn.Identity()
    model.fc = _head(2048, spec)
    set_variant(model, spec)
    return model


def set_variant(model: nn.Module, spec: "ModelSpec") -> None:
    """Change the network in place to the spec's variant; no weight changes shape or name."""
    if spec.variant == "keras":
        for layer in (model.layer2, model.layer3, model.layer4):
            layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    elif spec.variant == "google":
        model.Mixed_7c = MaxPooledInceptionE(model.Mixed_7c)
