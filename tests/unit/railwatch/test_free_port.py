"""Ports for servers that may start again."""

import socket

from railwatch.embedded import free_port


def test_a_server_starts_again_at_its_port_however_many_connections_are_made_meanwhile() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        address = listener.getsockname()
        connections = [socket.create_connection(address) for _ in range(50)]
        try:
            assert port not in {connection.getsockname()[1] for connection in connections}
            socket.create_server(("127.0.0.1", port)).close()
        finally:
            for connection in connections:
                connection.close()


def test_two_servers_get_two_ports() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as first:
        assert free_port() != first.getsockname()[1]
