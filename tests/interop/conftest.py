"""Fixtures of the tests with foreign clients."""
import os
import shutil

# Before NumPy is loaded. MONAI's affines come out of OpenBLAS, whose kernels for AVX-512 round some last bits otherwise than those for
# AVX2; a size at half a voxel then comes out one larger or smaller. The answer that is compared with is that of every machine with AVX2.
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")

import pytest  # noqa: E402

from support import ZOO, Server  # noqa: E402


@pytest.fixture
def start_server(tmp_path):
    """start_server(*models, **more), with support.Server's arguments, gives a running voxd, which is stopped at the end of the test and must then exit with 0."""
    servers = []

    def start(*models, **more):
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        servers.append(Server(folder, *models, **more))
        return servers[-1]

    yield start
    stop_all(servers)


@pytest.fixture(scope="session")
def spleen_repository(tmp_path_factory):
    """A folder with the model `spleen`: spleen_seg without its slow warm-up."""
    folder = tmp_path_factory.mktemp("repository") / "spleen"
    shutil.copytree(ZOO / "spleen_seg", folder)
    (folder / "configs/serving.json").write_text('{"warm_up_size": [32, 32, 32]}')
    return folder.parent


@pytest.fixture(scope="module")
def start_module_server(tmp_path_factory):
    """The same for a server that all tests of a file share."""
    servers = []

    def start(*models, **more):
        servers.append(Server(tmp_path_factory.mktemp("server"), *models, **more))
        return servers[-1]

    yield start
    stop_all(servers)


def stop_all(servers):
    try:
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            if not server.ended():
                server.kill()
