# Stands in for RUST: a shell, a compiler or not, and the places and the environment of that image.
FROM scratch
COPY . /
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin
