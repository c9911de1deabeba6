FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY .package .package
COPY policies policies
COPY proxy proxy
COPY docs/deploy/slim.py slim.py
# The embedding model, the vocabularies and the table of models come with the package: nothing is downloaded at run time.
# Bytecode is made of what it imports alone, so that a read-only root costs no time at the start.
RUN python -m venv /opt/foveate \
 && /opt/foveate/bin/pip install --no-cache-dir --no-compile '.[redis]' \
 && /opt/foveate/bin/python slim.py \
 && /opt/foveate/bin/pip uninstall --quiet --yes setuptools pip

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 foveate && install -d -o foveate /data /etc/foveate
COPY --from=build /opt/foveate /opt/foveate
COPY config.yaml /etc/foveate/config.yaml
ENV PATH=/opt/foveate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 \
    FOVEATE_DATA=/data FOVEATE_SERVER__HOST=0.0.0.0
# It listens to other machines, so the pages under /-/ need a token, and an upstream's key needs named callers
# (docs/deployment.md), or it stops with a line that says so:
#   docker run --read-only --tmpfs /tmp -p 8787:8787 -e FOVEATE_ADMIN__TOKEN=... -v foveate:/data foveate
USER foveate
WORKDIR /home/foveate
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8787/-/healthy', timeout=2)"]
CMD ["foveate", "serve", "--config", "/etc/foveate/config.yaml"]
