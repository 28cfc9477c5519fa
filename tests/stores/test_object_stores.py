"""What is asked of a store, of ones that speak S3's and Google's protocols."""

import time

import pytest

from bitpipe.errors import StoreError
from bitpipe.stores.open import store_of
from bitpipe.stores.store import Found, UnfitFileError
from components.image_example_gen.sources import tree
from tests.stores.faults import CUT, Elsewhere
from tests.stores.s3_server import MANY

pytestmark = pytest.mark.stores


@pytest.fixture
def place(base, request):
    """A folder of its own."""
    return f"{base}/{abs(hash(request.node.name))}"


def test_what_was_written_is_read_found_and_removed(place):
    there = store_of(place)
    for name, parts in (("a b", [b"one ", b"two"]), ("sub/c", ()), ("ü.png", [b"3"])):
        there.write(f"{place}/{name}", parts)
    assert there.read(f"{place}/a b") == b"one two"
    assert there.read(f"{place}/sub/c") == b""
    assert there.read(f"{place}/ü.png") == b"3"
    found = [Found(f"{place}/{name}") for name in ("a b", "sub/c", "ü.png")]
    assert list(there.find(place, lambda _: True)) == found
    assert list(there.find(f"{place}/*", lambda _: True)) == [found[0], found[2]]
    assert sorted((entry.name, entry.is_folder) for entry in there.scan(place)) == [
        ("a b", False),
        ("sub", True),
        ("ü.png", False),
    ]
    there.write(f"{place}/a b", [b"new"])
    assert there.read(f"{place}/a b") == b"new"
    for one in found:
        there.delete(one.path)
        there.delete(one.path)
    assert there.names(place) == []


def test_what_is_not_there_or_too_large_is_told(place):
    there = store_of(place)
    with pytest.raises(FileNotFoundError):
        there.read(f"{place}/none")
    with pytest.raises(FileNotFoundError):
        list(there.scan(f"{place}/none"))
    there.write(f"{place}/x", [b"12345"])
    with pytest.raises(UnfitFileError, match="more than 4"):
        there.read(f"{place}/x", max_bytes=4)


def test_a_bucket_that_is_not_there_is_told(base):
    other = base.replace("photos", "no-such-bucket")
    with pytest.raises(StoreError, match=r"no-such-bucket.* cannot be listed: .*Look after"):
        list(store_of(other).scan(f"{other}/photos"))


def test_a_file_that_fails_halfway_leaves_the_old_one_and_nothing_else(place):
    there = store_of(place)
    there.write(f"{place}/x", [b"old"])

    def parts():
        yield b"half" * (5 << 20)
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        there.write(f"{place}/x", parts())
    assert there.read(f"{place}/x") == b"old"
    assert there.names(place) == ["x"]


@pytest.mark.parametrize("name", ["a#b", "what?", "100%", "a+b c", "[1]*"])
def test_odd_names_are_names(s3, name):
    path = f"{s3}/odd/{name}"
    store_of(s3).write(path, [b"x"])
    assert store_of(s3).read(path) == b"x"
    assert name in store_of(s3).names(f"{s3}/odd")


def test_a_large_file_is_written_in_parts(s3):
    there, path = store_of(s3), f"{s3}/large"
    content = bytes(range(256)) * (20 << 12)
    there.write(path, [content[: 10 << 20], content[10 << 20 :]])
    assert there.read(path) == content


def test_ten_thousand_objects_are_listed_by_ten_requests(watched):
    began, worked = time.monotonic(), time.process_time()
    found = tree.walk("s3://many/all")
    worked = time.process_time() - worked
    print(f"{MANY} objects listed in {time.monotonic() - began:.1f} s, {worked:.1f} s of them ours")
    assert worked < 5  # 1 s; the rest is the store's
    assert len(found.files) == MANY
    assert found.folders == ("a", "b")
    assert len(watched.seen) == MANY / 1000


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ((403, "AccessDenied"), r"the store denies access"),
        ((503, "SlowDown"), r"the store answers 503 SlowDown"),
        (3, r"Read timeout"),
    ],
)
def test_a_store_that_refuses_or_is_silent_is_told_within_seconds(faults, s3, rule, said):
    faults.rules["list-type"] = rule
    began = time.monotonic()
    with pytest.raises(StoreError, match=rf"^s3://photos/x/ cannot be listed: .*{said}.* Look"):
        list(store_of(s3).scan(f"{s3}/x"))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("rule", [(503, "SlowDown"), (500, "InternalError"), 3, CUT])
def test_a_moment_s_failure_is_tried_again(faults, s3, rule):
    content = bytes(range(256)) * 400
    store_of(s3).write(f"{s3}/moment", [content])
    faults.rules["/moment"] = [rule, rule]
    assert store_of(s3).read(f"{s3}/moment") == content
    faults.rules["/moment"] = [rule]
    assert b"".join(store_of(s3).chunks(f"{s3}/moment")) == content
    faults.rules["/moment"] = [rule]
    assert store_of(s3).read_range(f"{s3}/moment", 1000, 5000) == content[1000:6000]


def test_an_answer_that_always_breaks_off_is_told(faults, s3):
    store_of(s3).write(f"{s3}/cut", [b"x" * 1000])
    faults.rules["/cut"] = CUT
    with pytest.raises(StoreError, match=r"/cut cannot be read: the answer broke off 5 times\."):
        store_of(s3).read(f"{s3}/cut")


def test_a_file_that_is_replaced_before_the_rest_of_it_is_read_is_no_mixture(faults, s3):
    there, path = store_of(s3), f"{s3}/replaced"
    there.write(path, [b"o" * (20 << 20)])  # half of it is more than a chunk
    faults.rules["/replaced"] = [CUT]
    chunks = there.chunks(path)
    assert set(next(chunks)) == set(b"o")
    there.write(path, [b"n" * (20 << 20)])
    with pytest.raises(StoreError, match="412 PreconditionFailed"):
        list(chunks)


def test_a_bucket_of_another_region_is_found_there(faults, s3):
    store_of(s3).write(f"{s3}/region/x", [b"x"])
    faults.rules["region"] = Elsewhere("eu-west-1")
    assert store_of(s3).names(f"{s3}/region") == ["x"]
    assert store_of(s3).read(f"{s3}/region/x") == b"x"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_is_that_of_the_environment(watched, s3, monkeypatch, variable):
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv(variable, "eu-north-1")
    watched.rules["here"] = Elsewhere("eu-north-1")  # else it would be sent there
    store_of(s3).write(f"{s3}/here", [b"x"])
    assert len(watched.seen) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InvalidAccessKeyId", "does not accept these credentials"),
        ("SignatureDoesNotMatch", "does not accept these credentials"),
        ("AuthorizationHeaderMalformed", "another region than AWS_REGION says"),
    ],
)
def test_what_is_wrong_with_the_account_is_not_the_file_s_fault(faults, s3, code, said):
    faults.rules["/account"] = (403, code)
    with pytest.raises(StoreError, match=rf"/account cannot be read: .*{said}"):
        store_of(s3).read(f"{s3}/account")


def test_without_credentials_it_is_told_what_to_set(watched, s3, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StoreError, match=r"credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID"):
        list(store_of(s3).scan(f"{s3}/x"))
    assert not watched.seen


def test_without_boto3_it_is_told_what_to_install(monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "bitpipe.stores.s3", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StoreError, match=r"s3://b/x .*boto3.*uv pip install 'bitpipe\[s3\]'"):
        store_of("s3://b/x")
