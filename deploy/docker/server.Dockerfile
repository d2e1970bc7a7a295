# syntax=docker/dockerfile:1
# The GPU server. From the repository's root:
#   docker build -f deploy/docker/server.Dockerfile -t cosmos-policy-server .
#   docker run --gpus all -p 8000:8000 -v cosmos-models:/models cosmos-policy-server \
#     serve --host 0.0.0.0 --checkpoint nvidia/Cosmos3-Nano-Policy-DROID --embodiment droid_joint
# torch brings CUDA's libraries with it; the host brings the driver (NVIDIA container toolkit).
FROM python:3.12-slim-bookworm

# Triton compiles its launchers with a C compiler, at the first call. KubeRay looks after Ray's pods with wget.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev wget \
    && rm -rf /var/lib/apt/lists/*

# uv reads what pip does not: that one library's pin of mink is overridden (pyproject.toml says why).
RUN pip install --no-cache-dir "uv>=0.8,<1"

WORKDIR /opt/cosmos-policy
COPY pyproject.toml README.md LICENSE ./
COPY embodiments embodiments
COPY cosmos_policy cosmos_policy
COPY ros2_nodes ros2_nodes
COPY sim_eval sim_eval
RUN uv pip install --system --no-cache --prerelease=if-necessary-or-explicit ".[gpu,server,ray]"

RUN useradd --uid 10001 --create-home cosmos \
    && mkdir /models \
    && chown cosmos:cosmos /models
USER 10001
# Downloaded checkpoints and compiled kernels outlive the container where /models is a volume.
ENV HF_HOME=/models/huggingface \
    TRITON_CACHE_DIR=/models/triton \
    XDG_CACHE_HOME=/models/cache \
    PYTHONUNBUFFERED=1
VOLUME /models
EXPOSE 8000
# Alive, whatever is loaded or computed; whether the model is ready is /readyz's to say.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cosmos-policy"]
CMD ["serve", "--host", "0.0.0.0", "--checkpoint", "tiny", "--embodiment", "droid_joint"]
