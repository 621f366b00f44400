"""One image's CAM in the file formats of other programs.

Classes are written with the ids of the data set's own files, so that a run on some classes of VOC gives VOC's ids.
"""

import io

import numpy as np

from orandnet.files.store import Cam
from orandnet.maps.grid import resize_scores, to_grid


def irn_npy(cam: Cam, file_ids: np.ndarray) -> bytes:
    """Return a CAM as the .npy file that the programs of IRN (Ahn et al., 2019) and its descendants read.

    A pickled dict: `keys` (K,) int64 tensor of class indices from 0 (mask id - 1), `cam` (K, h, w) float32 tensor at a
    quarter of the image's size rounded up, `high_res` (K, H, W) float32 array at the image's size.

    Args:
        cam: the CAM.
        file_ids: (C + 1,) ids in the data set's files by our mask ids.
    """
    from orandnet.files.pickle_writer import Tensor, pickled_npy  # waits for torch, which the other exports do without

    return pickled_npy(
        {
            "keys": Tensor(file_ids[cam.classes] - 1),
            "cam": Tensor(to_grid(cam.scores, cam.size).astype(np.float32)),
            "high_res": resize_scores(cam.scores, cam.size),
        }
    )


def plain_npz(cam: Cam, file_ids: np.ndarray) -> bytes:
    """Return a CAM as a compressed .npz file without pickles, for `numpy.load(path, allow_pickle=False)`.

    `classes` (K,) int64 ids in the data set's files, `scores` (K, h, w) float32 in [0, 1] on the grid, `size` (H, W).

    Args:
        cam: the CAM.
        file_ids: (C + 1,) ids in the data set's files by our mask ids.
    """
    file = io.BytesIO()
    np.savez_compressed(file, classes=file_ids[cam.classes], scores=cam.scores, size=np.array(cam.size))
    return file.getvalue()
