FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH REVISION BRANCH BUILD_DATE
WORKDIR /src
# The modules have a layer of their own, which a change of the source leaves in the cache.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH scripts/build /out/cognito-ses-exporter

FROM scratch AS final
ARG VERSION REVISION BUILD_DATE
LABEL org.opencontainers.image.title="cognito-ses-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the e-mail senders of Amazon Cognito user pools" \
      org.opencontainers.image.source="https://github.com/cognito-ses-exporter/cognito-ses-exporter" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$BUILD_DATE"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/cognito-ses-exporter /cognito-ses-exporter
# Numeric, so that Kubernetes can tell that it is not root; an image from scratch has no names anyway.
USER 65534:65534
EXPOSE 10057
ENTRYPOINT ["/cognito-ses-exporter"]
