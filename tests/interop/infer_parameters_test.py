# venv: tritonclient-new
"""What a tensor does not say travels in parameters: the grid of a volume there, what was cropped and where results lie back."""
import json

import nibabel
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from support import HEAD, body_phantom

MODEL = "spleen_seg"
AFFINE = [[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]]


@pytest.fixture(scope="module")
def client(start_module_server):
    with triton.InferenceServerClient(start_module_server(MODEL, "brain_extraction").address) as client:
        yield client


def infer(client, image, model=MODEL, **options):
    tensor = triton.InferInput("INPUT0", list(image.shape), "INT16")
    tensor.set_data_from_numpy(image)
    return client.infer(model, [tensor], **options)


def test_the_reply_says_crop_box_affine_and_times(client):
    image = body_phantom()[None]
    reply = infer(client, image, parameters={"affine": json.dumps(AFFINE)})
    parameters = {name: json.loads(value.string_param) for name, value in reply.get_response().parameters.items()}
    inside = np.argwhere(image[0] > -57)  # where the chain's scaling ends above 0
    start, end = inside.min(axis=0), inside.max(axis=0) + 1
    assert parameters["crop_box"] == [start.tolist(), end.tolist()]
    # The mask's 224 voxels a side lie over the box: the centre of its first voxel is where the box's edge says.
    scale = np.diag([*((end - start) / 224), 1.0])
    scale[:3, 3] = start + (np.diag(scale)[:3] - 1) / 2
    assert np.allclose(np.reshape(parameters["affine"], (4, 4)), np.array(AFFINE) @ scale)
    assert set(parameters["stage_ms"]) == {"decode", "queue", "pre", "network", "post", "encode"}


def test_a_chain_with_orientation_goes_by_the_affine(client):
    """The head as it lies in its file, and from behind with its axes in another order: the brain is at the same place."""
    head = nibabel.load(HEAD)
    image = np.ascontiguousarray(head.dataobj, dtype=np.int16)
    turned = nibabel.as_closest_canonical(head).as_reoriented([[1, -1], [0, 1], [2, -1]])

    def mask_of(file):
        voxels = np.ascontiguousarray(file.dataobj, dtype=np.int16)[None]
        reply = infer(client, voxels, "brain_extraction", parameters={"affine": json.dumps(file.affine.tolist())})
        affine = np.reshape(json.loads(reply.get_response().parameters["affine"].string_param), (4, 4))
        assert np.allclose(affine, file.affine), "Invertd takes the mask back to the volume's grid"
        return nibabel.Nifti1Image(reply.as_numpy("MASK").reshape(voxels.shape[1:]), affine)

    mask, turned_mask = (np.asarray(nibabel.as_closest_canonical(mask_of(file)).dataobj) for file in (head, turned))
    assert mask.sum() > 0.1 * image.size
    assert np.array_equal(mask, turned_mask)


def test_a_wrong_affine_is_refused_by_name(client):
    with pytest.raises(InferenceServerException, match="parameter 'affine'") as caught:
        infer(client, body_phantom()[None], parameters={"affine": "[1, 2, 3]"})
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_a_batch_of_one_is_the_volume_itself(client):
    image = body_phantom()[None]
    assert np.array_equal(infer(client, image[None]).as_numpy("MASK"), infer(client, image).as_numpy("MASK"))


def test_priority_and_timeout_are_taken(client):
    assert infer(client, body_phantom()[None], priority=2, timeout=60_000_000).as_numpy("MASK").any()


def test_levels_of_the_log_are_read_and_there_are_no_traces(client):
    assert client.get_log_settings(as_json=True)["settings"]["log_info"] == {"bool_param": True}
    assert client.get_trace_settings(as_json=True)["settings"]["trace_level"] == {"value": ["OFF"]}
    with pytest.raises(InferenceServerException, match="log-level|--model-control"):
        client.update_log_settings({"log_verbose_level": 1})
