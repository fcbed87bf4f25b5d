# factroots as an image: docker build --tag factroots .
# For a GPU: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 --build-arg
# BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 …, then docker run --gpus all. Studies are kept in /studies.
ARG BASE=python:3.11-slim-bookworm
ARG BUILDER=python:3.11-slim-bookworm

FROM ${BUILDER} AS wheel
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${BASE}
# Pictures need letters of all scripts. An image without Python gets the distribution's own, 3.11 to 3.13.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-noto-core fonts-noto-cjk \
    && { command -v python3 > /dev/null || apt-get install --yes --no-install-recommends python3 python3-venv; } \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/factroots
ENV PATH=/opt/factroots/bin:$PATH
# Without CUDA packages, which are most of what torch brings, unless they are asked for.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=wheel /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt --index-url "${TORCH_INDEX}" torch \
    && pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl && rm -r /wheels
RUN useradd --create-home --uid 1001 factroots && install --directory --owner factroots /studies
USER 1001
WORKDIR /studies
ENV FACTROOTS_HOME=/studies
VOLUME /studies
ENTRYPOINT ["factroots"]
CMD ["run", "atlas"]
