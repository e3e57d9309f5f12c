"""Fixtures of the tests with foreign clients."""
import pytest

from support import Server


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
