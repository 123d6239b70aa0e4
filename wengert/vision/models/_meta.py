"""torchvision.models._meta: names of categories."""

from ._api import names_of_categories

_IMAGENET_CATEGORIES = names_of_categories("imagenet")
_COCO_CATEGORIES = names_of_categories("coco")
_COCO_PERSON_CATEGORIES = names_of_categories("person")
_COCO_PERSON_KEYPOINT_NAMES = names_of_categories("keypoints")
_VOC_CATEGORIES = names_of_categories("voc")
