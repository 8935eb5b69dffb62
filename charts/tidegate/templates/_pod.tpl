{{/* What pods and containers have in common. The restricted pod security standard, and stricter: nothing is written but in
     volumes, no token of the cluster is mounted, no Service is told by environment variables. */}}

{{- define "tidegate.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.podSecurity }}
  {{- with .runAsUser }}
  runAsUser: {{ int64 . }}
  {{- end }}
  {{- with .runAsGroup }}
  runAsGroup: {{ int64 . }}
  {{- end }}
  {{- with .fsGroup }}
  fsGroup: {{ int64 . }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tidegate.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Where pods run. */}}
{{- define "tidegate.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The start of each container of the program. */}}
{{- define "tidegate.container" -}}
image: {{ include "tidegate.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: /var/lib/tidegate
{{ include "tidegate.containerSecurity" . }}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The folder that the program writes to: SQLite's volume, or an empty one with PostgreSQL. */}}
{{- define "tidegate.dataVolume" -}}
- name: data
  {{- if eq .Values.database.engine "sqlite" }}
  persistentVolumeClaim:
    claimName: {{ default (include "tidegate.fullname" .) .Values.database.volume.existingClaim }}
  {{- else }}
  emptyDir: {sizeLimit: 256Mi}
  {{- end }}
{{- end }}

{{/* The commands that bring the database up to date, in order. `init` changes nothing in a database that was initialised;
     `migrate` nothing in a schema that is current. */}}
{{- define "tidegate.migrateCommands" -}}
{{- if or .Values.secrets.operatorCredential.existingSecret (eq .Values.database.engine "sqlite") }}
- init
{{- end }}
- migrate
{{- end }}

{{/* The container of one of them: root, command. */}}
{{- define "tidegate.migrateContainer" -}}
- name: {{ .command }}
  {{- include "tidegate.container" .root | nindent 2 }}
  args:
    - {{ .command }}
    - --config=/etc/tidegate/tidegate.toml
    - --set=database.statement_timeout_ms={{ mul (int .root.Values.migrations.statementTimeoutSeconds) 1000 }}
    {{- if eq (dig "database" "pooler" "none" .root.Values.config) "transaction" }}
    - --set=database.pooler=none
    {{- end }}
    {{- range $key, $path := fromYaml (include "tidegate.secretSettings" (dict "root" .root "container" .command)) }}
    - --set={{ $key }}={{ $path }}
    {{- end }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    {{- include "tidegate.mounts" . | nindent 4 }}
    {{- with include "tidegate.secretMounts" (dict "root" .root "container" .command) | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* What every container of the program mounts. */}}
{{- define "tidegate.mounts" -}}
- {name: config, mountPath: /etc/tidegate/tidegate.toml, subPath: tidegate.toml, readOnly: true}
- {name: data, mountPath: /var/lib/tidegate}
{{- end }}

{{- define "tidegate.configVolume" -}}
- name: config
  configMap: {name: {{ include "tidegate.fullname" . }}}
{{- end }}

{{/* Mistakes that the schema cannot see. */}}
{{- define "tidegate.check" -}}
{{- if and (not .Values.secrets.tls.existingSecret) (not .Values.insecure) }}
{{- fail "gRPC has no TLS: name a Secret in secrets.tls.existingSecret, or set insecure=true where the cluster's network is encrypted" }}
{{- end }}
{{- if and .Values.secrets.tls.existingSecret .Values.insecure }}
{{- fail "insecure=true and secrets.tls.existingSecret exclude each other" }}
{{- end }}
{{- if and .Values.secrets.clientCa.existingSecret (not .Values.secrets.tls.existingSecret) }}
{{- fail "secrets.clientCa needs secrets.tls: mutual TLS begins with the server's certificate" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.monitoring.prometheusRule.enabled (not .Values.monitoring.serviceMonitor.enabled) (not .Values.monitoring.podMonitor.enabled) }}
{{- fail "monitoring.prometheusRule needs monitoring.serviceMonitor or monitoring.podMonitor: its alerts select by their job" }}
{{- end }}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) }}
{{- fail "grpcRoute.parentRefs is empty: name a gateway" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is empty: name a host" }}
{{- end }}
{{- end }}
