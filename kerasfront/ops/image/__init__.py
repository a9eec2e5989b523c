"""The public namespace `keras.ops.image`: images.

Images are tensors of shape (height, width, channels) or (batch, height, width, channels), or with the channels first,
by `data_format` ("channels_last", "channels_first", or None for `keras.config.image_data_format()`). Where images of
integers are interpolated, it is done in float32, and the result is rounded and kept within the range of the dtype.

This module is written by `python -m kerasfront.testing.faces --write`, from the declarations in the modules beside it.
"""

from typing import TYPE_CHECKING

from kerasfront import lazy
from kerasfront.ops.image.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from kerasfront.ops.image.filters import gaussian_blur, sobel_edges, ssim
from kerasfront.ops.image.patches import crop_images, extract_patches, extract_patches_3d, pad_images
from kerasfront.ops.image.resizing import resize, scale_and_translate
from kerasfront.ops.image.sampling import affine_transform, map_coordinates, perspective_transform

if TYPE_CHECKING:
    from kerasfront.random.elastic import elastic_transform as elastic_transform
else:
    __getattr__ = lazy.attributes(__name__, {"elastic_transform": "kerasfront.random.elastic"})

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]


def __dir__() -> list[str]:
    return __all__
