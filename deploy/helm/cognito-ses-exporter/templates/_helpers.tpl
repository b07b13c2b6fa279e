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
{{- if and .Values.webConfig.tls (not .Values.webConfig.secret) -}}
{{- fail "webConfig.tls needs webConfig.secret, which has the TLS settings" -}}
{{- end -}}
{{- end }}
