# The images of the default stack. Cargo builds the static binaries on the host (`x-deployer.build` in the
# Compose files says how), so that an image is made in a second, on machines that reach no registry too.

# An empty folder, to give volumes their owner: `scratch` has no mkdir, and a new volume takes the folder's owner.
FROM scratch AS folder
WORKDIR /empty

FROM scratch AS data-app
LABEL org.opencontainers.image.title="data-app" \
      org.opencontainers.image.description="JSON documents on S3-compatible storage over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY target/release/data-app /data-app
USER 10001:10001
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=2s --retries=3 --start-period=10s CMD ["/data-app", "healthcheck"]
ENTRYPOINT ["/data-app"]

FROM scratch AS store
LABEL org.opencontainers.image.title="store" \
      org.opencontainers.image.description="Garage as a single-node S3 store, with a launcher that reads secret files" \
      org.opencontainers.image.licenses="AGPL-3.0-only AND Apache-2.0"
COPY --from=folder --chown=10001:10001 /empty /data
COPY target/store/garage /garage
COPY store/garage.toml /garage.toml
COPY target/release/store-launcher /store-launcher
# A new database is locked for an instant while its pool is filled: that is retried, and no error.
ENV RUST_LOG=warn,r2d2=off NO_COLOR=1
USER 10001:10001
EXPOSE 9000
VOLUME /data
HEALTHCHECK --interval=5s --timeout=2s --retries=3 --start-period=20s CMD ["/store-launcher", "healthcheck"]
ENTRYPOINT ["/store-launcher"]
