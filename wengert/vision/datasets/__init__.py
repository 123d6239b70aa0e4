"""Data sets as torchvision reads them. Files are used where they lie; nothing is downloaded."""

from __future__ import annotations

from typing import Any as _Any

from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .classification import (
    DTD,
    GTSRB,
    Caltech101,
    Caltech256,
    EuroSAT,
    Food101,
    ImageNet,
    Imagenette,
    Omniglot,
)
from .coco import CocoCaptions, CocoDetection
from .digits import SEMEION, STL10, SVHN, USPS
from .fakedata import FakeData
from .fine_grained import FGVCAircraft, Flowers102, OxfordIIITPet, StanfordCars
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .sbd import SBDataset
from .vision import VisionDataset
from .voc import VOCDetection, VOCSegmentation

_LEFT_OUT = [
    "CLEVRClassification", "CREStereo", "CarlaStereo", "Cityscapes", "Country211", "ETH3DStereo",
    "FER2013", "FallingThingsStereo", "Flickr30k", "Flickr8k", "FlyingChairs", "FlyingThings3D",
    "HD1K", "HMDB51", "INaturalist", "InStereo2k", "Kinetics", "Kitti", "Kitti2012Stereo",
    "Kitti2015Stereo", "KittiFlow", "LFWPairs", "LFWPeople", "LSUN", "LSUNClass",
    "Middlebury2014Stereo", "MovingMNIST", "PCAM", "PhotoTour", "Places365", "RenderedSST2",
    "SBU", "SUN397", "SceneFlowStereo", "Sintel", "SintelStereo", "UCF101", "WIDERFace",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    more = ""
    if name in _LEFT_OUT:
        more = ": this data set is left out; ImageFolder or DatasetFolder may read its folders"
    raise AttributeError(f"module 'torchvision.datasets' has no attribute {name!r}{more}")
