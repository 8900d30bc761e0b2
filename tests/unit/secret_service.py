"""A Secret Service on a session bus of its own: an outside service over a real socket."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from jeepney import Message, MessageType
from jeepney.low_level import Parser
from jeepney.wrappers import new_error, new_method_return

COLLECTION = "/org/freedesktop/secrets/aliases/default"


class SecretService:
    """Bus and keyring in one; keeps what it is given and notes what it was asked."""

    def __init__(self, path: Path) -> None:
        self.locked = False
        self.items: dict[str, tuple[dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.address = f"unix:path={path}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            heard = b""
            while not heard.endswith(b"\r\n"):  # a null byte and AUTH EXTERNAL
                heard += connection.recv(1)
            connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
            while not heard.endswith(b"BEGIN\r\n"):
                heard += connection.recv(1)
            parser, serial = Parser(), 0
            while True:
                message = parser.get_next_message()
                if message is None:
                    data = connection.recv(4096)
                    if not data:
                        return
                    parser.add_data(data)
                    continue
                serial += 1
                connection.sendall(self._answer(message).serialise(serial))

    def _answer(self, message: Message) -> Message:
        fields = {int(key): value for key, value in message.header.fields.items()}
        path, member = fields[1], fields[3]
        self.asked.append(member)
        assert message.header.message_type is MessageType.method_call
        found = self._do(path, member, message.body)
        if found is None:
            return new_error(message, "org.freedesktop.DBus.Error.NotSupported")
        return new_method_return(message, *found)

    def _do(self, path: str, member: str, body: tuple[Any, ...]) -> tuple[str, Any] | None:
        match member, body:
            case "Hello", _:
                return "s", (":1.1",)
            case "NameHasOwner", _:
                return "b", (True,)
            case "AddMatch", _:
                return "", ()
            case "Get", (_, "Label"):
                return "v", (("s", "a label"),)
            case "Get", (_, "Locked"):
                return "v", (("b", self.locked),)
            case "ReadAlias", _:
                return "o", (COLLECTION,)
            case "Unlock", (paths,) if not self.locked:
                return "aoo", (paths, "/")
            case "OpenSession", ("plain", _):
                return "vo", (("s", ""), "/session")
            case "SearchItems", (attributes,):
                paths = [
                    p for p, (own, _) in self.items.items() if attributes.items() <= own.items()
                ]
                return "ao", (paths,)
            case "CreateItem", (properties, (_, _, secret, _), _):
                attributes = dict(properties["org.freedesktop.Secret.Item.Attributes"][1])
                place = f"{COLLECTION}/{len(self.items)}"
                self.items[place] = (attributes, bytes(secret))
                return "oo", (place, "/")
            case "GetSecret", _:
                return "(oayays)", (("/session", b"", self.items[path][1], "text/plain"),)
        return None
