# MariaDB from the distribution's packages, without the data that they would make.
FROM dtx-debian:latest
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install -y --no-install-recommends mariadb-server \
    && rm -rf /var/lib/mysql /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
