"""``mip attack`` as anybody runs it: no route is open that no text admits."""

from __future__ import annotations

from tests.e2e.devices import Device


def test_attack__finds_no_way_to_more_than_was_granted(device: Device) -> None:
    routes = device.mip("attack", "--json").succeeded().json["routes"]
    names = [route["name"] for route in routes]
    assert len(names) == len(set(names)) >= 12
    assert {route["name"] for route in routes if route["succeeded"]} == {
        route["name"] for route in routes if route["documented_limit"]
    }
