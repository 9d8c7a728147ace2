# The program for the CPU alone, on a small image:
#
#     docker build --tag gan .
#     docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" gan train digits
#
# Runs are written to the folder that is mounted at /data.

FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist --package gan-cli --bin gan-cli --no-default-features

FROM debian:trixie-slim
COPY --from=build /src/target/dist/gan-cli /usr/local/bin/
COPY LICENSE-MIT LICENSE-APACHE crates/gan-pictures/assets/LICENSE-DejaVu /usr/share/doc/gan-cli/
WORKDIR /data
ENTRYPOINT ["gan-cli"]
