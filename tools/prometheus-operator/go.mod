module github.com/cognito-ses-exporter/cognito-ses-exporter/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
