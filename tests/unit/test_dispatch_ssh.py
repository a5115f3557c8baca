"""Logins against paramiko's own server: second factors, passwords, and whom they are told."""

import socket
import threading

import paramiko
import pytest

from wtemlp.core.errors import TransportError
from wtemlp.dispatch.ssh.connection import VerifiedSession
from wtemlp.dispatch.ssh.host_keys import HostKeys

HOST_KEY = paramiko.ECDSAKey.generate()
USER_KEY = paramiko.ECDSAKey.generate()
TOTP_SECRET = "JBSWY3DPEHPK3PXP"


class Door(paramiko.ServerInterface):
    """Lets in who has a password, or a key and then a code."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password,keyboard-interactive"

    def check_auth_password(self, username: str, password: str) -> int:
        self.heard.append(password)
        return paramiko.AUTH_SUCCESSFUL if password == "hunter2" else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL if key == USER_KEY else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:
        return paramiko.InteractiveQuery("code", "", ("Verification code: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.heard += responses
        right = len(responses) == 1 and responses[0].isdigit() and len(responses[0]) == 6
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


@pytest.fixture
def server(tmp_path):
    """Port of a server, and what it was told."""
    listener, heard, open_ones = socket.create_server(("127.0.0.1", 0)), [], []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed: the test is over
            transport = paramiko.Transport(connection)
            transport.add_server_key(HOST_KEY)
            open_ones.append(transport)
            try:
                transport.start_server(server=Door(heard))
            except (paramiko.SSHException, EOFError):
                continue  # the client went away, as it should from an unknown host

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
    for transport in open_ones:
        transport.close()


@pytest.fixture
def login(server, tmp_path, monkeypatch):
    """``login(known, **profile)``: whether a login succeeds."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    port, _ = server
    file = tmp_path / "known"

    def attempt(known: bool = True, **profile: object) -> bool:
        key = HOST_KEY if known else paramiko.ECDSAKey.generate()
        file.write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        session = VerifiedSession(
            HostKeys(file=file),
            hostname="127.0.0.1",
            port=port,
            username="me",
            timeout=5,
            **profile,
        )
        alive = session.answers()
        session.close()
        return alive

    return attempt


def test_a_password(login, server):
    assert login(password="hunter2")
    assert server[1] == ["hunter2"]


def test_a_wrong_password(login):
    with pytest.raises(paramiko.AuthenticationException):
        login(password="hunter3")


def test_no_password_is_told_to_an_impostor(login, server):
    with pytest.raises(TransportError, match="has changed"):
        login(known=False, password="hunter2", totp_secret=TOTP_SECRET)
    assert server[1] == []


def test_a_key_and_a_code(login, server, tmp_path):
    USER_KEY.write_private_key_file(str(tmp_path / "id"))
    assert login(key_filename=str(tmp_path / "id"), totp_secret=TOTP_SECRET)
    assert [len(code) for code in server[1]] == [6]


def test_a_key_of_the_usual_name(login, server, tmp_path):
    (tmp_path / ".ssh").mkdir()
    USER_KEY.write_private_key_file(str(tmp_path / ".ssh" / "id_ecdsa"))
    assert login(totp_secret=TOTP_SECRET)
    with pytest.raises(paramiko.AuthenticationException, match="accepts none"):
        login(totp_secret=None, look_for_keys=False)
