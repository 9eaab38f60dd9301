# The image of Rowkeep: the program, the C libraries that it loads, and the public root certificates. It has no shell.
#
#   docker build -t rowkeep --build-arg REVISION="$(git rev-parse HEAD)" .
#
# docs/deploy.md says how to run it.

# The release of rust-toolchain.toml: a test compares the two. The image gets its C libraries from this Debian.
FROM rust:1.95.0-bookworm AS build
WORKDIR /build

# The dependencies, with sources that are empty. As long as these files are the same, Docker takes this layer from its cache.
COPY Cargo.toml Cargo.lock build.rs ./
COPY build build
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --features jemalloc

COPY migrations migrations
COPY policies policies
COPY sql sql
COPY src src
# The commit that `rowkeep --version` names.
ARG REVISION=unknown
# Cargo compares times: the sources of a checkout are older than what was built from the empty ones.
RUN touch build.rs src/lib.rs src/main.rs \
    && ROWKEEP_COMMIT="$(printf %.12s "$REVISION")" cargo build --release --locked --features jemalloc

COPY LICENSE deploy/image-root ./
RUN ./image-root target/release/rowkeep LICENSE /image

FROM scratch
COPY --from=build /image /

# A number, because the image has no names of users, and Kubernetes can then check that it is not root.
USER 65532:65532
# Every address: the container has a network of its own. Outside development, no setting that matters has a default.
ENV ENVIRONMENT=production HOST=0.0.0.0 PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 CMD ["/rowkeep", "healthcheck"]
ENTRYPOINT ["/rowkeep"]

# Below everything that takes time, so that other values change nothing but these lines.
ARG SOURCE=unknown
ARG REVISION=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Rowkeep" \
      org.opencontainers.image.description="A task backend whose privacy is enforced by Postgres row-level security" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}"
