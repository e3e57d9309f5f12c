# The CPU server. Wheels that this checkout's set-up has downloaded (.deps/wheels) are used, others are fetched.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts scripts
RUN --mount=type=bind,target=/context \
    if [ -d /context/.deps/wheels ]; then mkdir -p .deps && cp -r /context/.deps/wheels .deps/; fi && \
    scripts/setup && rm -rf .deps/wheels
COPY CMakeLists.txt CMakePresets.json ./
COPY proto proto
COPY gpu_transforms gpu_transforms
COPY models models
COPY server server
COPY client client
RUN cmake --preset release -DVOXD_TESTS=OFF -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib' && \
    cmake --build --preset release --target voxd voxctl
RUN scripts/stage release /image

FROM debian:12-slim
COPY --from=build /image /
RUN apt-get update && \
    xargs env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends < /packages.txt && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /packages.txt && \
    useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin voxd && \
    ln -s /opt/voxd/bin/voxd /opt/voxd/bin/voxctl /usr/local/bin/
USER 10001:10001
# Models are mounted here; brain_extraction is there as an example.
ENV VOXD_MODEL_REPOSITORY=/models
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["voxctl", "health"]
# Without options the server answers on the loopback of its own network namespace only: a pod's sidecar, or a test.
ENTRYPOINT ["voxd"]
