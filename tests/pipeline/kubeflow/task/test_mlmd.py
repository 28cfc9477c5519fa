"""Addresses of ML Metadata, and the store behind each."""

import pytest
from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe.errors import ConfigError
from pipeline.kubeflow.task import mlmd
from tests.pipeline.kubeflow import mlmd_server
from tests.serving.client.certificates import Authority


def test_kubeflows_own_service_is_found_in_the_environment():
    found = mlmd.connection(
        "", {"METADATA_GRPC_SERVICE_HOST": "mlmd", "METADATA_GRPC_SERVICE_PORT": "9"}
    )
    assert (found.host, found.port) == ("mlmd", 9)
    assert found.channel_arguments.max_receive_message_length > 4 << 20


def test_an_address_goes_before_the_environment():
    found = mlmd.connection("grpc://other.kubeflow:81", {"METADATA_GRPC_SERVICE_HOST": "mlmd"})
    assert (found.host, found.port) == ("other.kubeflow", 81)


def test_ports_have_defaults():
    assert mlmd.connection("grpc://mlmd", {}).port == 8080
    assert mlmd.connection("mysql://u@db/mlmd", {}).mysql.port == 3306


def test_secrets_come_from_the_environment_and_are_not_taken_apart():
    found = mlmd.connection("mysql://${U}:${P}@db:1/mlmd", {"U": "me", "P": "a@b:/c${x}"}).mysql
    assert (found.user, found.password, found.host, found.port) == ("me", "a@b:/c${x}", "db", 1)
    assert found.database == "mlmd"


def test_escapes_in_an_address_are_undone():
    assert mlmd.connection("mysql://u:p%40ss@db/mlmd", {}).mysql.password == "p@ss"


def test_sqlite_is_a_path():
    assert mlmd.connection("sqlite:/store/${N}.db", {"N": "m"}).sqlite.filename_uri == "/store/m.db"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "METADATA_GRPC_SERVICE_HOST is not set"),
        ("metadata:8080", r"must be grpc://.* Received: 'metadata:8080'"),
        ("http://metadata", "Received: 'http://metadata'"),
        ("grpc://:8080", "Received: 'grpc://:8080'"),
        ("grpc://host:port", "Received: 'grpc://host:port'"),
        ("mysql://u:${SECRET}@db/x", r"\$\{SECRET\}, which is not set"),
        ("grpcs://mlmd?ca=/nowhere/ca.pem", "cannot read .*/nowhere/ca.pem"),
        ("grpcs://mlmd?cert=x", r"takes \?ca=FILE only. Received: 'cert=x'"),
    ],
)
def test_what_cannot_be_understood_is_one_sentence(address, sentence):
    with pytest.raises(ConfigError, match=sentence):
        mlmd.connection(address, {})


def test_a_server_behind_tls_is_asked_by_those_who_trust_its_signer(tmp_path):
    ours, others = (Authority(tmp_path, name) for name in ("ours", "others"))
    with mlmd_server.served(tmp_path / "mlmd.sqlite", ours.sign("mlmd")) as address:
        config = mlmd.connection(f"{address}?ca=${{CAS}}/ours.pem", {"CAS": str(tmp_path)})
        store = metadata_store.MetadataStore(config)
        store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Model"))
        assert [kind.name for kind in store.get_artifact_types()] == ["Model"]
        for wrong in (f"{address}?ca={others.certificate}", address):
            with pytest.raises(errors.UnavailableError):
                metadata_store.MetadataStore(mlmd.connection(wrong, {})).get_artifact_types()
