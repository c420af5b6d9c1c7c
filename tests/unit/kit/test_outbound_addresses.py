"""Which addresses and URLs may be asked on behalf of a stranger."""

from __future__ import annotations

import pytest

from kit.outbound.addresses import is_loopback, is_public
from kit.outbound.errors import TargetRefused
from kit.outbound.targets import Rules, parse

STRICT, LAPTOP = Rules(), Rules(allow_loopback=True)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:830::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "",
    ],
)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("8.8.8.8", False),
        ("x", False),
    ],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://hooks.example.com/x?y=1", "hooks.example.com", 443),
        ("https://hooks.example.com:8443", "hooks.example.com", 8443),
        ("HTTPS://HOOKS.Example.com", "hooks.example.com", 443),
        ("https://hooks.example.com./x", "hooks.example.com", 443),
        ("https://8.8.8.8/x", "8.8.8.8", 443),
        ("https://8.8.8.8./x", "8.8.8.8", 443),
        ("https://[2606:4700:4700::1111]:443/", "2606:4700:4700::1111", 443),
        ("https://bücher.example/x", "xn--bcher-kva.example", 443),
        ("https://x_y.example.com/", "x_y.example.com", 443),
        ("https://1.example.com/", "1.example.com", 443),
        ("https://hooks.example.com:80/", "hooks.example.com", 80),
    ],
)
def test_what_a_url_names(url: str, host: str, port: int) -> None:
    target = parse(url, STRICT)
    assert (target.host, target.port) == (host, port)
    assert target.url.raw_host == host


MALFORMED = [
    "",
    "hooks.example.com",
    "https://",
    "https:///path",
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://:x@hooks.example.com/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:x/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com /",
    "https://hooks.example.com/\r\nX: y",
    " https://hooks.example.com/",
    "https://hooks.example.com..",
    "https://.example.com",
    "https://exa$mple.com/",
    "https://a%2eb.example/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 130}example/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.01/",
    "https://127.0.0.0x1/",
    "https://999.1.1.1/",
    "https://1.2.3.4.5/",
    "https://x.127/",
    "https://[::1/",
    "https://[fe80::1%25eth0]/",
    "https://[::ffff:127.1]/",
]


@pytest.mark.parametrize("url", MALFORMED)
@pytest.mark.parametrize("rules", [STRICT, LAPTOP])
def test_malformed_urls(url: str, rules: Rules) -> None:
    with pytest.raises(TargetRefused) as caught:
        parse(url, rules)
    assert caught.value.kind in ("url", "address"), caught.value


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "javascript:x",
    ],
)
def test_nothing_but_https(url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        parse(url, STRICT)
    assert caught.value.kind == "scheme"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[0:0:0:0:0:ffff:7f00:1]/",
        "https://[fd00:ec2::254]/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:25/",
    ],
)
def test_addresses_that_are_not_public(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse(url, STRICT)


def test_a_laptop_may_ask_itself_and_nothing_else_without_tls() -> None:
    assert parse("http://127.0.0.1:5000/x", LAPTOP).port == 5000
    assert parse("http://[::1]:80/x", LAPTOP).host == "::1"
    assert parse("https://127.0.0.1:444/x", LAPTOP).is_address
    for url in ("http://8.8.8.8/", "http://10.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(TargetRefused) as caught:
            parse(url, LAPTOP)
        assert caught.value.kind == "scheme"
    with pytest.raises(TargetRefused):
        parse("https://10.0.0.1/", LAPTOP)
