FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

COPY requirements-build.lock requirements.lock ./
RUN python -m venv /opt/twiml-bridge \
 && /opt/twiml-bridge/bin/pip install --no-cache-dir --require-hashes \
      -r requirements-build.lock -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY bridge ./bridge
COPY twiml ./twiml
RUN /opt/twiml-bridge/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/twiml-bridge/bin/pip uninstall --yes setuptools pip


FROM python:3.13-slim

RUN groupadd --gid 10001 bridge \
 && useradd --uid 10001 --gid bridge --home-dir /data --create-home --no-log-init \
      --shell /usr/sbin/nologin bridge

COPY --from=build /opt/twiml-bridge /opt/twiml-bridge

ENV PATH=/opt/twiml-bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001:10001
WORKDIR /data
VOLUME /data

EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]

CMD ["twiml-bridge", "serve", "--host", "0.0.0.0", "--port", "8000"]
