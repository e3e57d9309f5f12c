# venv: tritonclient-new tritonclient-old
"""An unmodified tritonclient.grpc, of today and of 2022, segments a volume with spleen_seg."""
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from support import body_phantom

MODEL = "spleen_seg"
GRID = [1, 1, 224, 224, 224]


@pytest.fixture(scope="module")
def client(start_module_server):
    server = start_module_server(MODEL)
    with triton.InferenceServerClient(server.address) as client:
        yield client


def as_input(volume, datatype="FP32", name="INPUT0", shape=None):
    tensor = triton.InferInput(name, list(shape or volume.shape), datatype)
    tensor.set_data_from_numpy(volume)
    return tensor


def infer(client, volume, datatype="FP32", outputs=("MASK", "CONTOUR"), **options):
    return client.infer(MODEL, [as_input(volume, datatype)],
                        outputs=[triton.InferRequestedOutput(name) for name in outputs] or None, **options)


def volume(dtype):
    return body_phantom()[None].astype(dtype)


@pytest.fixture(scope="module")
def answer(client):
    """The answer to the phantom as FP32, which the others are compared with."""
    return infer(client, volume(np.float32), request_id="study-17")


def boundary(mask):
    """Voxels of the mask with one of their 26 neighbours outside; beyond the grid is outside."""
    inside = np.pad(mask, 1)
    for axis in range(3):
        inside = np.minimum(np.minimum(np.roll(inside, 1, axis), inside), np.roll(inside, -1, axis))
    return mask - inside[1:-1, 1:-1, 1:-1]


def refusal(act):
    """Code and text of the InferenceServerException that act() must raise."""
    with pytest.raises(InferenceServerException) as caught:
        act()
    return caught.value.status(), caught.value.message()


def test_server_and_model_are_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert client.get_server_metadata().name == "voxd"


def test_metadata_names_tensors_types_and_shapes(client):
    metadata = client.get_model_metadata(MODEL)
    assert metadata.name == MODEL
    assert list(metadata.versions) == ["1"]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [("INPUT0", "FP32", [1, -1, -1, -1])]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.outputs] == [("MASK", "UINT8", GRID),
                                                                               ("CONTOUR", "UINT8", GRID)]


def test_config_says_the_same_without_batching(client):
    config = client.get_model_config(MODEL, as_json=True)["config"]
    assert config["name"] == MODEL
    assert config.get("max_batch_size", 0) == 0
    assert [(t["name"], t["data_type"], t["dims"]) for t in config["input"]] == [
        ("INPUT0", "TYPE_FP32", ["1", "-1", "-1", "-1"])]
    assert [(t["name"], t["data_type"], t["dims"]) for t in config["output"]] == [
        (name, "TYPE_UINT8", [str(n) for n in GRID]) for name in ("MASK", "CONTOUR")]


def test_the_repository_lists_the_model_as_ready(client):
    index = client.get_model_repository_index()
    assert [(m.name, m.version, m.state) for m in index.models] == [(MODEL, "1", "READY")]


def test_a_volume_gives_mask_and_contour(answer):
    mask, contour = answer.as_numpy("MASK"), answer.as_numpy("CONTOUR")
    for tensor in mask, contour:
        assert tensor.dtype == np.uint8
        assert list(tensor.shape) == GRID
    assert set(np.unique(mask)) == {0, 1}
    assert np.any(mask)
    assert np.array_equal(contour[0, 0], boundary(mask[0, 0])), "the contour is the mask's boundary"
    response = answer.get_response()
    assert (response.id, response.model_name, response.model_version) == ("study-17", MODEL, "1")


def test_int16_gives_the_same_mask_as_fp32(client, answer):
    again = infer(client, volume(np.int16), "INT16", outputs=["MASK"])
    assert np.array_equal(again.as_numpy("MASK"), answer.as_numpy("MASK"))
    assert again.as_numpy("CONTOUR") is None, "only what was asked for comes back"


def test_without_requested_outputs_all_come_back(client, answer):
    again = infer(client, volume(np.float32), outputs=())
    assert np.array_equal(again.as_numpy("MASK"), answer.as_numpy("MASK"))
    assert np.array_equal(again.as_numpy("CONTOUR"), answer.as_numpy("CONTOUR"))


def test_unknown_models_are_not_found(client):
    for act in (lambda: client.infer("spleen", [as_input(volume(np.float32))]),
                lambda: client.get_model_metadata("spleen"),
                lambda: client.get_model_config("spleen"),
                lambda: client.infer(MODEL, [as_input(volume(np.float32))], model_version="7")):
        code, text = refusal(act)
        assert code == "StatusCode.NOT_FOUND"
        assert text.startswith("Request for unknown model")


@pytest.mark.parametrize("tensors, text", [
    (lambda: [as_input(volume(np.float32)[0])], "unexpected shape for input 'INPUT0' for model 'spleen_seg'. Expected [1,-1,-1,-1], got [64,64,40]"),
    (lambda: [as_input(np.concatenate([volume(np.float32)] * 2))], "got [2,64,64,40]"),
    (lambda: [as_input(volume(np.float32)[:, :0])], "unexpected shape"),
    (lambda: [as_input(volume(np.float32), name="INPUT1")], "INPUT1"),
    (lambda: [as_input(volume(np.float32)), as_input(volume(np.float32), name="INPUT1")], "expected 1 inputs but got 2"),
    (lambda: [], "expected 1 inputs but got 0"),
    (lambda: [triton.InferInput("INPUT0", [1, 64, 64, 40], "FP32")], "unable to find data for input tensor 'INPUT0'"),
])
def test_wrong_tensors_are_refused_by_name(client, tensors, text):
    code, message = refusal(lambda: client.infer(MODEL, tensors()))
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert text in message


def test_a_wrong_byte_size_is_refused_with_both_sizes(client):
    tensor = as_input(volume(np.float32))
    tensor._raw_content = tensor._raw_content[:-4]  # the client itself sends no such thing
    code, text = refusal(lambda: client.infer(MODEL, [tensor]))
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert text.startswith("input byte size mismatch")
    assert "Expected 655360, got 655356" in text


def test_an_unknown_output_is_refused(client):
    code, text = refusal(lambda: infer(client, volume(np.float32), outputs=["MASK", "PROBABILITY"]))
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert "PROBABILITY" in text


def test_an_image_without_foreground_is_refused(client):
    code, text = refusal(lambda: infer(client, np.full((1, 8, 8, 8), -1000, np.float32)))
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert text


def test_the_next_request_works_after_all_of_that(client, answer):
    again = infer(client, volume(np.float32))
    assert np.array_equal(again.as_numpy("MASK"), answer.as_numpy("MASK"))


def test_statistics_count_what_was_answered_and_what_failed(client, answer):
    def counts():
        statistics = client.get_inference_statistics(MODEL).model_stats[0]
        assert statistics.version == "1"
        return statistics.inference_count, statistics.inference_stats.fail.count

    answered, failed = counts()
    infer(client, volume(np.float32), outputs=["MASK"])
    refusal(lambda: infer(client, np.full((1, 8, 8, 8), -1000, np.float32)))
    assert counts() == (answered + 1, failed + 1)
