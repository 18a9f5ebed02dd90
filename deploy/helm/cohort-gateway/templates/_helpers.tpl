{{- define "gateway.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 45 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What selects the pods of one kind; never changes between versions. */}}
{{- define "gateway.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .kind }}
{{- end }}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What servers read of the Secret; the credentials are for the release alone, which stores hashes. */}}
{{- define "gateway.serverKeys" -}}
DATABASE_URL REDIS_URL
{{- if has "GATEWAY_SECRET_KEY" .Values.secretKeys }} GATEWAY_SECRET_KEY{{ end }}
{{- end }}

{{/* What every pod is: nobody, without rights, on a read-only root. */}}
{{- define "gateway.pod" -}}
automountServiceAccountToken: false
# A Service whose name begins with "gateway" would bring variables that look like settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: secrets
    secret:
      secretName: {{ required "existingSecret must name a Secret with the keys of secretKeys" .root.Values.existingSecret }}
      defaultMode: 0440
      items:
        {{- range .keys }}
        - key: {{ . }}
          path: {{ . }}
        {{- end }}
  - name: tmp
    emptyDir:
      medium: Memory
      sizeLimit: 256Mi
{{- end }}

{{- define "gateway.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Two pods of a kind are not on one node while there is another. */}}
{{- define "gateway.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "gateway.selector" . | nindent 8 }}
{{- end }}

{{- define "gateway.container" -}}
image: {{ include "gateway.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: secrets
    mountPath: /run/secrets/gateway
    readOnly: true
  - name: tmp
    mountPath: /tmp
env:
  {{- range .keys }}
  - name: {{ . }}_FILE
    value: /run/secrets/gateway/{{ . }}
  {{- end }}
  - name: PORT
    value: "8000"
  - name: GATEWAY_WEB_PROCESSES
    value: {{ .root.Values.web.processes | quote }}
  - name: GATEWAY_WEB_THREADS
    value: {{ .root.Values.web.threads | quote }}
  {{- range $name, $value := .root.Values.settings }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
{{- end }}
