"""A synthetic abdominal CT with the organs it was made of: what spleen_seg is trained on and races are run with.

    phantom.py OUT.nii.gz [--organs ORGANS.nii.gz] [--seed 0] [--shape 512 512 114] [--spacing 0.79 0.79 5]

The patient is a list of shapes in millimetres (RAS+, origin between the kidneys); a grid only samples it, so a seed is
the same patient on every grid. It looks like a CT to a network, not to a radiologist. Organs are numbered as in ORGANS.
Also a module: make_phantom().
"""

import argparse
from dataclasses import dataclass

import numpy as np

ORGANS = {"spleen": 1, "liver": 2, "kidney": 3, "stomach": 4}
AIR, FAT = -1000.0, -105.0
EVERYWHERE = (-2000.0, 2000.0)


def turned(degrees):
    """The matrix that turns by three angles, about x first."""
    a, b, c = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@dataclass
class Ellipsoid:
    centre: tuple
    half_axes: tuple
    hu: float
    tilt: tuple = (0, 0, 0)
    edge: float = 1.5  # half the width over which it passes into what is around it
    organ: str = ""

    def reach(self):
        r = max(self.half_axes) + 2 * self.edge
        return [(c - r, c + r) for c in self.centre]

    def depth(self, x, y, z):
        """Millimetres from the surface, about; positive inside."""
        back = turned(self.tilt).T / np.asarray(self.half_axes)[:, None]
        away = (x - self.centre[0], y - self.centre[1], z - self.centre[2])
        squares = sum(sum(np.float32(back[n, m]) * away[m] for m in range(3)) ** 2 for n in range(3))
        return (1 - np.sqrt(squares)) * np.float32(min(self.half_axes))


@dataclass
class Column:
    """An elliptic cylinder along z."""

    centre: tuple
    half_axes: tuple
    hu: float
    edge: float = 1.5
    organ: str = ""

    def reach(self):
        return [(c - h - 2 * self.edge, c + h + 2 * self.edge) for c, h in zip(self.centre, self.half_axes)] + [EVERYWHERE]

    def depth(self, x, y, z):
        flat = ((x - self.centre[0]) / self.half_axes[0]) ** 2 + ((y - self.centre[1]) / self.half_axes[1]) ** 2
        return (1 - np.sqrt(flat)) * np.float32(min(self.half_axes))


def patient(rng):
    """The shapes of one patient, each drawn over those before it."""
    size = rng.uniform(0.9, 1.08)
    between = lambda low, high: float(rng.uniform(low, high))
    mm = lambda *lengths: tuple(size * length for length in lengths)
    near = lambda *place, by=8: tuple(size * (p + between(-by, by)) for p in place)
    about = lambda *lengths, by=0.12: tuple(size * length * between(1 - by, 1 + by) for length in lengths)
    tilts = lambda *degrees: tuple(between(-d, d) for d in degrees)

    wide, deep = between(150, 172) * size, between(105, 125) * size
    wall = between(14, 22) * size
    shapes = [
        Column((0, -deep - 14 * size), mm(200, 9), -150),  # the table
        Column((0, -deep - 14 * size), mm(197, 6), -900),
        Column((0, 0), (wide, deep), -20, 1),  # skin, fat, muscle, fat around the viscera
        Column((0, 0), (wide - 2 * size, deep - 2 * size), FAT),
        Column((0, -4 * size), (wide - wall, deep - wall), between(48, 62)),
        Column((0, 6 * size), (wide - wall - 14 * size, deep - wall - 14 * size), between(-85, -50), 3),
    ]
    for side in (-1, 1):
        shapes.append(Ellipsoid(mm(70 * side, 5, 215), about(62, 78, 130), between(-870, -800), edge=3))  # lungs
    shapes += [
        Ellipsoid(near(62, 12, 55), about(82, 72, 68), between(76, 100), tilts(0, 12, 15), 2, "liver"),
        Ellipsoid(near(-35, 40, 40), about(48, 36, 42), between(20, 45), tilts(0, 20, 20), 2, "stomach"),
        Ellipsoid(mm(-35, 62, 46), about(22, 12, 20), -950),
    ]
    for side in (-1, 1):
        place, tilt = near(58 * side, -42, -35, by=6), (between(-8, 8), side * between(5, 14), 0)
        shapes.append(Ellipsoid(place, about(27, 26, 54), between(165, 200), tilt, organ="kidney"))
        shapes.append(Ellipsoid((place[0] - 8 * side * size, *place[1:]), mm(12, 12, 30), between(60, 90), tilt))
    shapes.append(
        Ellipsoid(near(-98, -22, 58, by=7), about(26, 44, 52, by=0.15), between(114, 134), tilts(20, 14, 18), 1.5, "spleen"))
    for n in range(14):  # bowel, some of it full of gas
        place = (between(-85, 85) * size, between(5, 70) * size, between(-190, -45) * size)
        gut = between(15, 75) if n % 4 else -850
        shapes.append(Ellipsoid(place, about(17, 17, 24, by=0.3), gut, (between(0, 90), between(0, 90), 0)))
    shapes += [Column(mm(-12, -42), mm(11, 11), between(130, 175)), Column(mm(14, -40), mm(12, 9), between(95, 130))]
    for n in range(-9, 10):  # vertebrae: hard outside, softer inside
        shapes.append(Ellipsoid(mm(0, -68, 33 * n), mm(23, 18, 17), 480, edge=2))
        shapes.append(Ellipsoid(mm(0, -68, 33 * n), mm(20, 15, 14), 190, edge=2))
    shapes += [Column(mm(0, -92), mm(9, 9), 30), Column(mm(0, -104), mm(6, 8), 420)]
    for side in (-1, 1):
        for n in range(-2, 8):  # ribs
            place = (side * (wide - wall - 5 * size), -12 * size, (28 * n + 14) * size)
            shapes.append(Ellipsoid(place, mm(5, 24, 6), 380, (20 * side, 0, 0)))
    return shapes


def draw(shapes, shape, spacing, origin):
    """Samples the shapes at the centres of the voxels; HU float32, organ numbers uint8."""
    hu, organs = np.full(shape, AIR, np.float32), np.zeros(shape, np.uint8)
    axes = [(origin[n] + spacing[n] * np.arange(shape[n])).astype(np.float32) for n in range(3)]
    for item in shapes:
        box = tuple(slice(*np.searchsorted(axis, limits)) for axis, limits in zip(axes, item.reach()))
        if any(part.start >= part.stop for part in box):
            continue
        x, y, z = np.ix_(*(axis[part] for axis, part in zip(axes, box)))
        depth = item.depth(x, y, z)
        hu[box] += np.clip(0.5 + depth / (2 * item.edge), 0, 1) * (np.float32(item.hu) - hu[box])
        if item.organ or isinstance(item, Ellipsoid):
            organs[box][np.broadcast_to(depth > 0, organs[box].shape)] = ORGANS.get(item.organ, 0)
    return hu, organs


def make_phantom(seed=0, shape=(512, 512, 114), spacing=(0.79, 0.79, 5.0), noise=14.0):
    """Returns HU int16, organs uint8 (see ORGANS) and the affine from voxel index to RAS+ millimetres."""
    rng = np.random.default_rng(seed)
    shapes = patient(rng)
    centre = np.array([rng.uniform(-8, 8), rng.uniform(-8, 8), rng.uniform(-20, 20)])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = centre - np.asarray(spacing) * (np.asarray(shape) - 1) / 2
    hu, organs = draw(shapes, shape, spacing, affine[:3, 3])
    # A scanner's noise is smooth within a slice: neighbours share some of it.
    white = rng.standard_normal(shape, dtype=np.float32)
    grain = white + 0.6 * np.roll(white, 1, 0) + 0.6 * np.roll(white, 1, 1)
    hu += grain * np.float32(noise / np.sqrt(1 + 2 * 0.6**2))
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16), organs, affine


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--organs", help="the organs, as numbers, go here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 512, 114))
    parser.add_argument("--spacing", type=float, nargs=3, default=(0.79, 0.79, 5.0))
    options = parser.parse_args()
    import nibabel

    hu, organs, affine = make_phantom(options.seed, tuple(options.shape), tuple(options.spacing))
    nibabel.save(nibabel.Nifti1Image(hu, affine), options.out)
    if options.organs:
        nibabel.save(nibabel.Nifti1Image(organs, affine), options.organs)
    print(f"{options.out}: {hu.shape}, HU {hu.min()} to {hu.max()}, spleen {int((organs == 1).sum())} voxels")


if __name__ == "__main__":
    main()
