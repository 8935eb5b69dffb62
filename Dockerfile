# The image of Tidegate: one program on a base that has glibc, certificate authorities and time zones, and no shell and no package
# manager. README.md says how to run it, docs/OPERATING.md how to pin its base images and read its SBOM. tests/image/run tests it.

# Each can be pinned: --build-arg BASE=gcr.io/distroless/cc-debian12@sha256:…
ARG RUST=docker.io/library/rust:1.95-bookworm
ARG BASE=gcr.io/distroless/cc-debian12

FROM ${RUST} AS build
# Writes the SBOM, the list of all crates, into the program.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /src
COPY . .
# Without these, panics and the C libraries would name paths of this stage.
ENV RUSTFLAGS="--remap-path-prefix=/src=/tidegate --remap-path-prefix=/usr/local/cargo=/cargo" \
    CFLAGS="-ffile-prefix-map=/src=/tidegate -ffile-prefix-map=/usr/local/cargo=/cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo auditable build --release --locked -p tidegate \
    && mkdir -p /image/usr/bin \
    && cp target/release/tidegate /image/usr/bin/tidegate
# A new Docker volume gets the owner and the mode of the folder that it is mounted on. OpenShift picks a user at random, whose group
# is 0. All files get the same time in every build.
ARG SOURCE_DATE_EPOCH=0
RUN mkdir -p /image/var/lib/tidegate \
    && chown 65532:0 /image/var/lib/tidegate \
    && chmod 0770 /image/var/lib/tidegate \
    && find /image -exec touch -d "@$SOURCE_DATE_EPOCH" {} +

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="Identity for device clouds. Accounts, second factors, and two-step verification in waves." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /image/ /
# Any other user works too, if it may write to the volume. There is no VOLUME: with a read-only root file system, forgetting the
# volume is then an error, and no data is written to a place that is deleted with the container.
USER 65532:65532
WORKDIR /var/lib/tidegate
# gRPC, health and metrics, receipts of text messages.
EXPOSE 50051 50052 50053
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tidegate"]
CMD ["serve"]
