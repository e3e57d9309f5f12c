"""Writes the compressed frames of DICOM files as seeds: coded_frames.py OUT LARGEST_BYTES SYNTAX... < list of files."""
import hashlib
import sys
from pathlib import Path

import pydicom
from pydicom.encaps import generate_frames

out, largest, syntaxes = Path(sys.argv[1]), int(sys.argv[2]), set(sys.argv[3:])
for file in sys.stdin.read().splitlines():
    try:
        dataset = pydicom.dcmread(file)
        if dataset.file_meta.TransferSyntaxUID not in syntaxes:
            continue
        frame = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))
    except Exception:  # files made to be broken: whatever cannot be read is no seed
        continue
    if len(frame) <= largest:
        (out / hashlib.sha256(frame).hexdigest()[:16]).write_bytes(frame)
