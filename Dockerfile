# Kindred with the clients of Neo4j and Qdrant. PyTorch for Linux brings some 4 GB of CUDA libraries; where there is no
# GPU, give the address of an index with CPU builds: docker build --build-arg TORCH_INDEX=ADDRESS .
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
ARG EXTRAS=neo4j,qdrant
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kindred kindred
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /venv \
    && /venv/bin/pip install --disable-pip-version-check --constraint constraints.txt \
       ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[$EXTRAS]"

FROM python:3.11-slim
COPY --from=build /venv /venv
RUN useradd --uid 10001 --no-create-home kindred && install --directory --owner kindred --group kindred /data
# Caches of libraries go to /tmp: the rest of the container may be read-only.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 KINDRED_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8765/style.grass', timeout=3)"]
ENTRYPOINT ["kindred"]
CMD ["browser-guide", "serve", "--host", "0.0.0.0"]
