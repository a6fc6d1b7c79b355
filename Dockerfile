# The agent: what requirements/runtime.txt locks, and offmap. It needs no shell, no root, and no file system to write to
# beside the folder of its checkpoints. Any base with Python 3.11 or newer and pip will do, pinned by its digest:
#
#     docker build --build-arg BASE_IMAGE=python:3.11-slim-bookworm --build-arg BASE_DIGEST=sha256:… -t offmap .
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG BASE_DIGEST

FROM ${BASE_IMAGE}@${BASE_DIGEST} AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv --without-pip /opt/offmap \
    && python3 -m pip install --no-cache-dir --require-hashes --only-binary :all: --target tools -r requirements/build.txt \
    && python3 -m pip --python /opt/offmap/bin/python install --no-cache-dir --no-compile --require-hashes \
        --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY agent agent
COPY config config
COPY detectors detectors
RUN PYTHONPATH=tools python3 -m hatchling build --target wheel --directory dist \
    && python3 -m pip --python /opt/offmap/bin/python install --no-cache-dir --no-compile --no-deps --no-index dist/*.whl
# A fifth of it is never imported: tests, tools to make models, zstandard's second copy of itself, and what only downloads.
# Then all is compiled: when it runs, nothing can be written.
WORKDIR /opt/offmap/lib
RUN find . -type d -name tests -prune -exec rm -rf {} + \
    && rm -rf python3*/site-packages/hf_xet* python3*/site-packages/huggingface_hub* python3*/site-packages/httpx2* \
        python3*/site-packages/onnxruntime/datasets python3*/site-packages/onnxruntime/quantization \
        python3*/site-packages/onnxruntime/tools python3*/site-packages/onnxruntime/transformers \
        python3*/site-packages/numpy/f2py python3*/site-packages/numpy/distutils \
        python3*/site-packages/zstandard/_cffi.* \
    && /opt/offmap/bin/python -m compileall -q . \
    && du -sh /opt/offmap

FROM ${BASE_IMAGE}@${BASE_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="offmap" \
      org.opencontainers.image.description="Production-drift monitoring for language models" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/offmap /opt/offmap
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /var/lib/offmap
EXPOSE 9469
ENTRYPOINT ["/opt/offmap/bin/offmap"]
CMD ["--help"]
