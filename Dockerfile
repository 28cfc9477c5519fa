# The image that runs the pipeline's stages on a cluster, and `bitpipe` anywhere: Python of lane current, pinned packages
# without the development tools, no root. Targets: cpu, gpu (with CUDA's libraries), test (cpu with the tests in it).
# `make image` builds it. Nothing here needs BuildKit, which Debian's docker.io comes without.

# Any image with CPython 3.11-3.13, its venv module and glibc >= 2.39.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS packages
# A package index other than the public one; what is given here stays out of targets cpu and gpu.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# Certificates of the base image, so that an authority which was added to it counts.
ENV UV_SYSTEM_CERTS=1 UV_NO_CACHE=1 UV_LINK_MODE=copy
WORKDIR /source
COPY tools/uv.sh tools/
COPY requirements/uv.txt requirements/
RUN sh tools/uv.sh python3
COPY requirements/build.in requirements/image.txt requirements/
RUN uv=$(sh tools/uv.sh) \
    && "$uv" venv --quiet --no-project --python python3 /opt/bitpipe \
    && "$uv" pip install --quiet --python /opt/bitpipe/bin/python --no-deps --require-hashes \
        --build-constraints requirements/build.in --requirement requirements/image.txt
# For whoever has the image: what is in it, and under which terms.
COPY tools/licences.py tools/
RUN /opt/bitpipe/bin/python tools/licences.py requirements/image.txt >/opt/bitpipe/licences.md
COPY tools/slim.sh tools/
RUN command -v strip || { apt-get update && apt-get install --yes --no-install-recommends binutils; }
RUN sh tools/slim.sh /opt/bitpipe
# The project comes last: it changes more often than its packages.
COPY setup.py pyproject.toml LICENSE ./
COPY components components
COPY pipeline pipeline
COPY bitpipe bitpipe
COPY serving serving
RUN uv=$(sh tools/uv.sh) \
    && "$uv" pip install --quiet --python /opt/bitpipe/bin/python --no-deps --no-build-isolation . \
    && sh tools/slim.sh /opt/bitpipe --compile

FROM ${BASE} AS runtime
# A number, because Kubernetes' runAsNonRoot cannot look names up. Any other user may run the image as well, as OpenShift
# and `docker run --user` do: hence the open HOME, and USER for Python's getpass, which looks there before /etc/passwd.
RUN groupadd --gid 65532 bitpipe \
    && useradd --uid 65532 --gid bitpipe --home-dir /home/bitpipe --shell /usr/sbin/nologin bitpipe \
    && install --directory --mode 1777 /home/bitpipe /work
# Bytecode is compiled into the image, and /opt is read-only to the user.
ENV PATH=/opt/bitpipe/bin:$PATH HOME=/home/bitpipe USER=bitpipe LOGNAME=bitpipe \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /work
USER 65532:65532
# No entry point: what follows the image's name is the command, here as in Kubeflow's tasks (`python -m ...`).
CMD ["bitpipe", "--help"]
# The first process of a container ignores SIGTERM where it has no handler, and Python has one for SIGINT only.
STOPSIGNAL SIGINT

FROM runtime AS cpu
COPY --from=packages /opt/bitpipe /opt/bitpipe
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="bitpipe" \
    org.opencontainers.image.description="Fine-tunes Big Transfer with TFX, on Kubeflow or one machine" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM cpu AS test
USER 0:0
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV UV_SYSTEM_CERTS=1 UV_NO_CACHE=1 UV_LINK_MODE=copy
COPY --from=packages /source/.tools /source/.tools
COPY tools/uv.sh /source/tools/
COPY requirements /source/requirements
WORKDIR /source
RUN "$(sh tools/uv.sh)" pip install --quiet --python /opt/bitpipe/bin/python --no-deps --require-hashes \
        --build-constraints requirements/build.in --requirement requirements/current.txt \
    && chown 65532:65532 /source
COPY --chown=65532:65532 . .
USER 65532:65532
CMD ["python", "-m", "pytest", "-m", "not docker and not gpu"]

FROM packages AS packages-gpu
COPY requirements/image-gpu.txt requirements/
RUN "$(sh tools/uv.sh)" pip install --quiet --python /opt/bitpipe/bin/python --no-deps --require-hashes \
        --build-constraints requirements/build.in --requirement requirements/image-gpu.txt \
    && /opt/bitpipe/bin/python tools/licences.py requirements/image-gpu.txt >/opt/bitpipe/licences.md \
    && sh tools/slim.sh /opt/bitpipe --compile

FROM runtime AS gpu
COPY --from=packages-gpu /opt/bitpipe /opt/bitpipe
# For NVIDIA's container runtime, and for GKE, which mounts the driver there instead.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility LD_LIBRARY_PATH=/usr/local/nvidia/lib64
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="bitpipe" \
    org.opencontainers.image.description="Fine-tunes Big Transfer with TFX and CUDA, on Kubeflow or one machine" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
