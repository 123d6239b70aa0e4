"""What is recorded of each architecture: its keys and shapes, and the outputs of the small ones."""

import hashlib
import math
import warnings

import numpy as np

LEFT_OUT = ("maxvit", "mc3", "mvit", "quantized", "r2plus1d", "r3d", "raft", "s3d", "swin3d")

# detectors whose weights are drawn part by part, in this order
DRAWN = ("retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssdlite320_mobilenet_v3_large")

# side of the picture: small, but large enough for the architecture
SMALL = {
    "resnet18": 48,
    "resnext50_32x4d": 48,
    "squeezenet1_1": 48,
    "mobilenet_v2": 48,
    "mobilenet_v3_small": 48,
    "mnasnet0_5": 48,
    "shufflenet_v2_x0_5": 48,
    "densenet121": 48,
    "googlenet": 48,
    "efficientnet_b0": 48,
    "regnet_y_400mf": 48,
    "convnext_tiny": 32,
    "swin_t": 40,
    "swin_v2_t": 40,
    "lraspp_mobilenet_v3_large": 48,
}


def listed(models):
    return [name for name in models.list_models() if not name.startswith(LEFT_OUT)]


def options(models, name):
    """Arguments that keep a model from asking for files, and give it all of its parts."""
    if name.startswith(("fcn", "deeplabv3")):
        return {"weights_backbone": None, "aux_loss": True}
    if name.startswith(("lraspp", "retinanet", "fcos", "ssd")) or "rcnn" in name:
        return {"weights_backbone": None}
    return {"init_weights": False} if name in ("googlenet", "inception_v3") else {}


def keys(torch, models, name):
    """Parameters, and a hash of all names and shapes; on the meta device where that works."""
    arguments = options(models, name)
    try:
        with torch.device("meta"):
            state = models.get_model(name, **arguments).state_dict()
    except NotImplementedError:  # torchvision's RegNets compute with tensors
        state = models.get_model(name, **arguments).state_dict()
    lines = [f"{key} {list(t.shape)} {t.dtype}" for key, t in state.items()]
    buffers = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index",
               "relative_coords_table")  # fmt: skip
    count = sum(math.prod(t.shape) for k, t in state.items() if not k.endswith(buffers))
    return [count, hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]]


def drawn(torch, models, name):
    """The first and the last number of each parameter of a few, under a seed."""
    torch.manual_seed(0)
    model = models.get_model(name, num_classes=3, **options(models, name))
    parameters = [p.detach().flatten() for p in model.parameters() if p.dim() > 1]
    return [[float(p[0]), float(p[-1])] for p in (*parameters[:2], *parameters[-12:])]


def outputs(torch, models, name):
    """The outputs, under a seed, for a picture, with statistics that are not those of a start."""
    arguments = options(models, name)
    arguments.pop("init_weights", None)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = models.get_model(name, num_classes=5, **arguments).eval()
    with torch.no_grad():
        for key, t in model.state_dict().items():
            if key.endswith("running_mean"):
                t.copy_(torch.randn(t.shape) * 0.1)
            elif key.endswith("running_var"):
                t.copy_(torch.rand(t.shape) + 0.5)
        side = SMALL[name]
        y, x = np.mgrid[:side, :side]
        picture = np.stack([np.sin(x / 3), np.cos(y / 4), np.sin((x + y) / 7)]).astype(np.float32)
        out = model(torch.from_numpy(picture[None]))
    out = out["out"][..., ::16, ::16] if isinstance(out, dict) else out
    values = out.numpy().astype(np.float64).ravel()
    return [float(f"{v:.7g}") for v in values]
