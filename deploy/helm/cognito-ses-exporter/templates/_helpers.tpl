{{- define "exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "exporter.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "exporter.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{/* The share of the memory limit that Go may take, in bytes; empty without a limit, or if a variable of the user's says it. */}}
{{- define "exporter.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) -}}
{{- if not (kindIs "string" $limit) -}}
{{- $limit = printf "%.0f" (float64 $limit) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if eq .name "GOMEMLIMIT" -}}
{{- $limit = "" -}}
{{- end -}}
{{- end -}}
{{- if and $limit .Values.goMemLimitRatio -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $limit -}}
{{- $unit := trimPrefix $number $limit -}}
{{- if or (not $number) (not (hasKey $units $unit)) -}}
{{- fail (printf "resources.limits.memory %q is not a number with k, M, G, T, Ki, Mi, Gi or Ti; set goMemLimitRatio to 0 if it is right" $limit) -}}
{{- end -}}
{{- printf "%.0f" (floor (mulf (float64 $number) (float64 (get $units $unit)) (float64 .Values.goMemLimitRatio))) -}}
{{- end -}}
{{- end }}

{{/* How the Prometheus operator scrapes: the endpoint of a ServiceMonitor or PodMonitor. */}}
{{- define "exporter.endpoint" -}}
- port: http
  # The exporter's own label service would be overwritten by the operator's.
  honorLabels: true
  interval: {{ .monitor.interval }}
  scrapeTimeout: {{ .monitor.scrapeTimeout }}
  {{- if .tls }}
  scheme: https
  {{- end }}
  {{- with .monitor.tlsConfig }}
  tlsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .monitor.relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Not empty when there is a configuration file. */}}
{{- define "exporter.hasConfig" -}}
{{- if or .Values.config .Values.existingConfig.secret }}true{{ end -}}
{{- end }}

{{- define "exporter.validate" -}}
{{- if and .Values.demo (include "exporter.hasConfig" .) -}}
{{- fail "demo has its own configuration; omit config and existingConfig.secret" -}}
{{- end -}}
{{- if and .Values.config .Values.existingConfig.secret -}}
{{- fail "config and existingConfig.secret exclude each other" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor exclude each other; with both, Prometheus would have every series twice" -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (eq (empty (toString .Values.podDisruptionBudget.minAvailable)) (empty (toString .Values.podDisruptionBudget.maxUnavailable))) -}}
{{- fail "podDisruptionBudget takes either minAvailable or maxUnavailable; set the other one to an empty string" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled needs ingress.hosts" -}}
{{- end -}}
{{- if and .Values.webConfig.tls (not .Values.webConfig.secret) -}}
{{- fail "webConfig.tls needs webConfig.secret, which has the TLS settings" -}}
{{- end -}}
{{- end }}
