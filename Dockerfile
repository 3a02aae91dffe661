# SPDX-License-Identifier: Apache-2.0
#
# Thermograph as an image: the program, the libraries that it loads, the usual CAs, and nothing else; no shell,
# no package manager. compose.yaml uses it; docs/how-to/docker.md tells more.
#
#     docker build -t thermograph .
#     docker buildx build --platform linux/arm64 -t thermograph:arm64 .
#
# It is for the classic builder and for BuildKit: no `# syntax` line, which would have to be fetched, no --mount. BuildKit
# tells on which platform it builds and for which; then the first stage runs on the former and cross-compiles, which
# takes as long as any build and needs no emulator. The classic builder tells neither: there `linux` means
# the engine's own architecture, and the program is for that one.
#
# The tag has a date, so that the same commit is built from the same Debian. Debian's security updates come with a newer
# date here; no digest, so that an image of this name can also be made where no registry can be asked.
FROM --platform=${BUILDPLATFORM:-linux} debian:bookworm-20261005-slim AS build

# Empty, or the architecture's own: nothing to cross.
ARG TARGETARCH
SHELL ["/bin/sh", "-euc"]

# These change rarely, so they come before the sources. Libraries are for the target, tools are for this machine.
RUN here=$(dpkg --print-architecture); target=${TARGETARCH:-$here}; compiler="gcc libc6-dev"; \
    if [ "$target" != "$here" ]; then \
      dpkg --add-architecture "$target"; compiler="crossbuild-essential-$target libc6-dev:$target"; \
    fi; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      $compiler binutils ca-certificates dpkg-dev meson ninja-build pkgconf protobuf-c-compiler protobuf-compiler python3 \
      $(for library in nghttp2 ssl uv1 z sqlite3 cyaml yaml jansson curl4-openssl microhttpd protobuf-c; do \
          case $library in z) library=zlib1g ;; *) library=lib$library ;; esac; \
          echo "$library-dev:$target"; \
        done); \
    rm -rf /var/lib/apt/lists/*

COPY . /source
WORKDIR /source
RUN deploy/image/make-root /image "${TARGETARCH:-}"

FROM scratch
LABEL org.opencontainers.image.title="Thermograph" \
      org.opencontainers.image.description="Takes temperature readings over gRPC, keeps them, answers questions about them" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="scratch"
COPY --from=build /image /
# OpenSSL would look in a folder for links named after hashes; here is one file.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
WORKDIR /var/lib/thermograph
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
# THERMOGRAPH_CA and THERMOGRAPH_SERVER tell it, and every other verb, how to reach the server.
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/bin/thermograph", "health"]
ENTRYPOINT ["/usr/bin/thermograph"]
CMD ["--help"]
