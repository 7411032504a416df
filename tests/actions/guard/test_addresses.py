"""Which addresses and host names may be reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.guard import PrivateHosts, check_host, is_public


def test_a_metadata_service_is_opened_by_its_own_address_only() -> None:
    import ipaddress

    metadata = ipaddress.ip_address("169.254.169.254")
    assert not PrivateHosts(["169.254.0.0/16"]).permits(metadata, "169.254.169.254", 80)
    assert not PrivateHosts(["inside.example"]).permits(metadata, "inside.example", 80)
    assert PrivateHosts(["169.254.169.254"]).permits(metadata, "169.254.169.254", 80)


@pytest.mark.parametrize("entry", ["http://localhost", "10.0.0.0/40", "a b", "localhost:99999", "*", "1.2.3"])
def test_an_entry_of_allow_private_that_is_none_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match=r"write e\.g\.|port"):
        PrivateHosts([entry])


@given(st.ip_addresses(v=4))
def test_no_private_ipv4_address_is_public_in_any_notation_of_ipv6(address: object) -> None:
    import ipaddress

    v4 = ipaddress.IPv4Address(str(address))
    if v4.is_private or v4.is_loopback or v4.is_multicast or v4.is_link_local or v4.is_reserved:
        assert not is_public(v4)
        for prefix in ("::ffff:", "::", "64:ff9b::"):
            assert not is_public(ipaddress.IPv6Address(f"{prefix}{v4}"))


@given(st.text(max_size=40))
def test_a_host_is_a_canonical_address_a_name_or_an_error(text: str) -> None:
    try:
        address = check_host(text)
    except ValueError:
        return
    assert address is not None or not text.rsplit(".", maxsplit=1)[-1].isdigit()
