"""The extractor `dinov2`: its vision transformers from their published weights, run by torchvision's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the community's name)

from ganbench.metrics.batches import in_batches
from ganbench.metrics.features import BYTES, DTYPES, check_dtype, network_of, tf1_bilinear
from ganbench.metrics.inputs import read_images, to_bytes
from ganbench.metrics.weightfiles import WeightFile
from ganbench.tree import component

SIDE = 224  # pixels
MEAN = [[[255 * 0.485]], [[255 * 0.456]], [[255 * 0.406]]]  # of ImageNet's channels, [3, 1, 1]
DEVIATION = [[[255 * 0.229]], [[255 * 0.224]], [[255 * 0.225]]]
HEAD = 64  # width of an attention head, in every size of DINOv2
OFFSET = 0.1  # added to the grid when positions are interpolated, as the authors' code does

_RENAMED = (
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^norm\.", "encoder.ln."),
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm([12])\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
)
_SCALED = {"ls1": "self_attention.out_proj", "ls2": "mlp.3"}  # layer scale → the linear map before it


def vision_transformer(state: Mapping[str, Tensor]) -> nn.Module:
    """Build a ViT-S, -B or -L/14 without registers (Oquab et al. 2023, arXiv 2304.07193): images → class token.

    Normalised images [N, 3, 224, 224] → [N, 384, 768 or 1024]. Each layer's scale is multiplied into the
    linear map before it, which changes the last bits only. Raises `KeyError` or `RuntimeError` for the weights of
    anything else.
    """
    from torchvision.models import VisionTransformer  # noqa: PLC0415  (takes seconds)

    patches = state["patch_embed.proj.weight"]  # [width, 3, patch, patch]
    width, patch = patches.shape[0], patches.shape[-1]
    depth = sum(name.endswith(".norm1.weight") for name in state)
    hidden = state["blocks.0.mlp.fc1.weight"].shape[0]
    with torch.device("meta"):  # every weight comes from the file: none is drawn
        network = VisionTransformer(SIDE, patch, depth, width // HEAD, width, hidden, num_classes=1)
        network.heads = nn.Identity()
    network.load_state_dict(_converted(state, SIDE // patch), assign=True)
    return network.requires_grad_(requires_grad=False).eval()  # type: ignore[no-any-return]


def _built(file: WeightFile) -> nn.Module:
    """Build it here: torch-fidelity fetches code and weights from the web and takes neither by path."""
    return vision_transformer(file.state())


def _converted(state: Mapping[str, Tensor], grid: int) -> dict[str, Tensor]:
    """Return the weights under torchvision's names, without what only training needs."""
    found = {_renamed(name): value for name, value in state.items() if name != "mask_token"}
    for name in [name for name in found if name.endswith(".gamma")]:
        layer, scale, _ = name.rsplit(".", 2)
        gamma = found.pop(name)
        found[f"{layer}.{_SCALED[scale]}.weight"] = found[f"{layer}.{_SCALED[scale]}.weight"] * gamma[:, None]
        found[f"{layer}.{_SCALED[scale]}.bias"] = found[f"{layer}.{_SCALED[scale]}.bias"] * gamma
    return found | {"encoder.pos_embedding": _positions(found["encoder.pos_embedding"], grid)}


def _renamed(name: str) -> str:
    for theirs, ours in _RENAMED:
        name = re.sub(theirs, ours, name)
    return name


def _positions(embedding: Tensor, grid: int) -> Tensor:
    """Interpolate position embeddings [1, 1 + M², D] to a grid of another size, as the authors' code does."""
    own = math.isqrt(embedding.shape[1] - 1)
    if own == grid:
        return embedding
    patches = embedding[:, 1:].reshape(1, own, own, -1).permute(0, 3, 1, 2)
    scale = (grid + OFFSET) / own
    patches = F.interpolate(patches, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([embedding[:, :1], patches.flatten(2).transpose(1, 2)], dim=1)


@component(batched=False)
class DinoV2:
    """Class tokens of DINOv2 (Oquab et al. 2023, arXiv 2304.07193) at 224 pixels: ViT-L/14's are 1024.

    The files of ViT-S, -B and -L/14 without registers will do; sizes are read from the file. Raises `DataError` if
    the weights are missing or others than `sha256` says.
    """

    name: ClassVar[str] = "dinov2"
    weights: str
    sha256: str
    url: str
    download: bool
    dtype: str
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse an unknown dtype."""
        check_dtype(self.dtype)

    @property
    def preprocessing(self) -> str:
        """Return what is done to images before the network."""
        return f"{BYTES}; TF1 bilinear to {SIDE}x{SIDE}; mean and deviation of ImageNet"

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return self._file().hash()

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, 1 or 3, H, W] in [0, 1] to features [N, D], float32."""
        images = read_images(self.name, images)
        network = network_of(_built, self._file(), self.weights_hash(), self.dtype, images.device)
        dtype = DTYPES[self.dtype]
        mean, deviation = (torch.tensor(x, dtype=dtype).to(images.device) for x in (MEAN, DEVIATION))

        def run(batch: Tensor) -> Tensor:
            values = tf1_bilinear(to_bytes(batch).to(dtype), SIDE)
            return network((values - mean) / deviation)  # type: ignore[no-any-return]

        return in_batches(run, images, self.batch_size)

    def _file(self) -> WeightFile:
        return WeightFile(self.name, self.weights, self.sha256, self.url, self.download)
