# venv: monai
"""Label maps, cleaned and outlined in MONAI and, through golden_runner, in voxd: what the golden cases are too few or too small for."""
import numpy as np

from monai_index import affine, index, random


def label_map(random, channels=1, labels=4):
    """Blocks of labels on one another, some hollow, and specks."""
    shape = tuple(map(int, random.integers(1, 26, 3)))
    image = np.zeros((channels, *shape), np.float32)
    for _ in range(random.integers(1, 9)):
        low = random.integers(0, shape)
        high = low + random.integers(1, 12, 3)
        channel, label = random.integers(channels), random.integers(0, labels) if channels == 1 else 1
        image[(channel, *map(slice, low, high))] = label
        if random.integers(2):
            image[(channel, *map(slice, low + 1, np.maximum(high - 1, low + 1)))] = 0
    specks = random.random(image.shape) < random.choice([0, 0.01, 0.1, 0.4])
    return np.where(specks, random.integers(0, labels if channels == 1 else 2, image.shape), image).astype(np.float32)


def test_labels_are_cleaned_and_outlined_as_in_monai(index, random):
    for _ in range(30):
        shape = (1, *map(int, random.integers(1, 90, 3)))
        labels = random.integers(0, 4, shape) * (random.random(shape) > random.choice([0.5, 0.8, 0.95]))
        image = labels.astype(np.float32)
        params = {"applied_labels": None if random.integers(2) else [1, 3], "independent": bool(random.integers(2)),
                  "connectivity": int(random.integers(1, 4)), "num_components": int(random.integers(1, 4))}
        # Specks of equal size abound, and which of them MONAI keeps is undefined.
        index.add("KeepLargestConnectedComponent", params, image, tie=True)
        index.add("LabelToContour", {}, image)
        index.add("LabelToContour", {}, (image > 0).astype(np.float32))
    index.check()


def test_holes_are_filled_as_in_monai(index, random):
    for _ in range(150):
        channels = int(random.choice([1, 1, 3]))
        params = {"connectivity": [None, 1, 2, 3, 0, -1, 9][random.integers(7)]}
        if random.integers(2):
            params["applied_labels"] = [[1], [2, 1], [0, 2], [1, 2, 77], 0, 2][random.integers(4 if channels == 1 else 3)]
        image = label_map(random, channels)
        if random.integers(4) == 0:
            image *= 40 if channels == 1 else 0.5  # labels that MONAI goes through in another order, and soft masks
        index.add("FillHoles", params, image)
    index.check()


def test_nested_holes_are_filled_as_in_monai(index, random):
    for _ in range(60):
        n = int(random.integers(9, 16))
        image = np.zeros((1, n, n, n), np.float32)
        for i in range(random.integers(1, n // 2)):  # shells, now and then open
            image[0, i:n - i, i:n - i, i:n - i] = random.integers(0, 5) * random.choice([1, 33])
        image[random.random(image.shape) < 0.01] = random.integers(0, 5)
        index.add("FillHoles", {"connectivity": int(random.integers(1, 4))}, image)
    index.check()


def test_small_objects_are_removed_as_in_monai(index, random):
    for _ in range(200):
        channels = int(random.choice([1, 2, 4]))
        params = {"min_size": int(random.choice([0, 1, 2, 3, 5, 20, 1000])), "connectivity": int(random.integers(0, 6)),
                  "independent_channels": bool(random.integers(2))}
        image = label_map(random, channels, labels=int(random.choice([2, 4])))
        where = None
        if random.integers(4) == 0:
            params["by_measure"], where = True, affine(random)
        if random.integers(8) == 0:
            image += random.choice([0.25, 0.5])  # fractions: cut, or as good as 1
        index.add("RemoveSmallObjects", params, image, where)
    for special in (np.inf, np.nan, -np.inf, -2):
        image = label_map(random)
        image.flat[random.integers(image.size, size=3)] = special
        index.add("RemoveSmallObjects", {"min_size": 3, "independent_channels": False}, image)
    index.add("RemoveSmallObjects", {"min_size": 9}, np.full((1, 2, 2, 2), 3, np.float32))
    index.add("RemoveSmallObjects", {"min_size": 9, "by_measure": True, "pixdim": 0.5}, label_map(random), np.eye(4))
    index.check()


def test_images_in_two_dimensions_are_outlined_as_in_monai(index, random):
    for _ in range(30):
        shape = (int(random.integers(1, 4)), *map(int, random.integers(1, 90, 2)))
        labels = random.integers(0, 3, shape) * (random.random(shape) > random.choice([0.02, 0.5, 0.9]))
        index.add("LabelToContour", {}, labels.astype(np.float32))
        index.add("LabelToContour", {}, (labels > 0).astype(np.float32))
    index.check()
