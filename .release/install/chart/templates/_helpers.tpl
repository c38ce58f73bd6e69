{{- define "iris.name" -}}
{{- if eq .Release.Name "iris" -}}iris{{- else -}}{{ printf "%s-iris" .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "iris.selector" -}}
app.kubernetes.io/name: iris
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* iris.peer is the label of pods that have a node of the network, by which they find each other. */}}
{{- define "iris.peer" -}}
project-iris.github.io/network: {{ include "iris.name" . }}
{{- end -}}

{{- define "iris.labels" -}}
{{ include "iris.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "iris-%s" .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "iris.secret" -}}
{{- if and .Values.network.existingSecret .Values.network.key -}}
{{- fail "set network.existingSecret or network.key, not both" -}}
{{- end -}}
{{- if .Values.network.key -}}{{ include "iris.name" . }}-key
{{- else -}}{{ required "set network.existingSecret to the name of a secret with network.pem: iris keygen network.pem && kubectl create secret generic iris-key --from-file=network.pem" .Values.network.existingSecret }}
{{- end -}}
{{- end -}}

{{- define "iris.image" -}}
{{- $repository := required "set image.repository to where you have copied the image of the release" .Values.image.repository -}}
{{- if .Values.image.digest -}}{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* iris.conf is the file of settings of the node. */}}
{{- define "iris.conf" -}}
net = {{ .Values.network.name }}
rsa = /etc/iris/keys/network.pem
bind = 0.0.0.0:{{ .Values.peers.port }}
discover = dns:{{ include "iris.name" . }}-peers.{{ .Release.Namespace }}.svc
http = 0.0.0.0:{{ .Values.admin.port }}
port = {{ .Values.applications.port }}
drain = {{ .Values.drainSeconds }}s
{{- if and (eq .Values.mode "daemonset") (eq .Values.applications.by "socket") }}
socket = /run/iris-applications/socket
socket-mode = {{ .Values.applications.socketMode }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if has $name (list "net" "rsa" "bind" "discover" "http" "port" "drain" "socket" "socket-mode") }}
{{- fail (printf "settings.%s is made from other values of the chart: set these" $name) }}
{{- end }}
{{- if kindIs "slice" $value }}
{{- range $value }}
{{ $name }} = {{ . }}
{{- end }}
{{- else }}
{{ $name }} = {{ $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* iris.container is the container of a node: of the DaemonSet, and beside an application. */}}
{{- define "iris.container" -}}
name: iris
image: {{ include "iris.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: ["-config", "/etc/iris/iris.conf"]
ports:
  - { name: peers-udp, containerPort: {{ .Values.peers.port }}, protocol: UDP }
  - { name: peers-tcp, containerPort: {{ .Values.peers.port }}, protocol: TCP }
  - { name: admin, containerPort: {{ .Values.admin.port }}, protocol: TCP }
startupProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 5
  timeoutSeconds: 5
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
  - { name: iris-settings, mountPath: /etc/iris/iris.conf, subPath: iris.conf, readOnly: true }
  - { name: iris-key, mountPath: /etc/iris/keys, readOnly: true }
  - { name: iris-tmp, mountPath: /tmp }
  {{- if and (eq .Values.mode "daemonset") (eq .Values.applications.by "socket") }}
  - { name: iris-applications, mountPath: /run/iris-applications }
  {{- end }}
{{- end -}}

{{/* iris.volumes are what the container mounts. */}}
{{- define "iris.volumes" -}}
- name: iris-settings
  configMap: { name: {{ include "iris.name" . }} }
- name: iris-key
  secret: { secretName: {{ include "iris.secret" . }}, defaultMode: 0440 }
- name: iris-tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- if and (eq .Values.mode "daemonset") (eq .Values.applications.by "socket") }}
- name: iris-applications
  hostPath: { path: {{ .Values.applications.hostPath | quote }}, type: Directory }
{{- end }}
{{- end -}}
