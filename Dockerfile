# vserd and vserctl and the libraries they need, and nothing else: no shell, no package manager, not root.
# `podman build -t vserd .` or `docker build`; deploy/container/README.md says how to run it.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS compile
COPY tools/packages-build.txt tools/packages-package.txt /packages.list/
RUN apt-get update && \
    sed 's/#.*//' /packages.list/*.txt | xargs apt-get install -y --no-install-recommends
COPY . /source
WORKDIR /source
RUN cmake --preset release && cmake --build build/release --target vserd vserctl vserd_manuals && \
    cpack --config build/release/CPackConfig.cmake -D 'CPACK_COMPONENTS_ALL=vserd;vserctl' -B /packages && rm -r /packages/_CPack_Packages

# The Debian packages. Who has them already spares the compiler: --build-context packages=FOLDER.
FROM scratch AS packages
COPY --from=compile /packages /

FROM ${BASE} AS installed
COPY --from=packages *.deb /packages/
RUN dpkg -i /packages/vserd_*.deb /packages/vserctl_*.deb || \
    { apt-get update && apt-get install -y --no-install-recommends /packages/vserd_*.deb /packages/vserctl_*.deb; }
# The programs and the libraries that they load, where they look for them; a user in the group of serial lines.
RUN mkdir -p /image/etc /state/vserd && \
    ldd /usr/bin/vserd /usr/bin/vserctl | grep -o '/[^ :]*\.so[^ ]*' | sort -u | xargs cp -L --parents -t /image && \
    cp --parents -t /image /usr/bin/vserd /usr/bin/vserctl && \
    echo 'vserd:x:10001:20::/:/usr/sbin/nologin' >/image/etc/passwd && \
    echo 'dialout:x:20:' >/image/etc/group

FROM scratch
COPY --from=installed /image /
COPY --from=installed --chown=10001:20 /state /run
COPY deploy/container/vserd.toml /etc/vserd/
USER 10001:20
# vserctl in the container asks where no certificate is needed.
ENV VSERD_ADDRESS=unix:/run/vserd/vserd.sock
EXPOSE 50051 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/usr/bin/vserctl", "--timeout", "4s", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/vserd"]
CMD ["--config", "/etc/vserd/vserd.toml"]
