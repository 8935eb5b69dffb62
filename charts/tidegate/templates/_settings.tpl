{{/* The settings of the program, as the TOML file that every container reads. */}}

{{/* Milliseconds of the notice. Kubernetes before 1.30 cannot sleep before SIGTERM, so the program waits longer. */}}
{{- define "tidegate.noticeSeconds" -}}
{{- $d := .Values.drain }}
{{- if include "tidegate.sleeps" . }}{{ int $d.noticeSeconds }}{{ else }}{{ add (int $d.noticeSeconds) (int $d.preStopSeconds) }}{{ end }}
{{- end }}

{{/* Not empty where a preStop hook can sleep, and there is a time to sleep. */}}
{{- define "tidegate.sleeps" -}}
{{- if and (gt (int .Values.drain.preStopSeconds) 0) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}yes{{ end }}
{{- end }}

{{/* All that ends after another, and 10 seconds for the database and the last events. */}}
{{- define "tidegate.graceSeconds" -}}
{{- $d := .Values.drain }}
{{- $linger := divf $d.lingerMilliseconds 1000 | ceil | int }}
{{- add (int $d.preStopSeconds) (int $d.noticeSeconds) (int $d.seconds) $linger 10 }}
{{- end }}

{{- define "tidegate.address" -}}
{{- if eq .Values.listenAddress "::" }}[::]{{ else }}{{ .Values.listenAddress }}{{ end }}
{{- end }}

{{/* `config`, and above it what the chart gives. */}}
{{- define "tidegate.settings" -}}
{{- $settings := deepCopy .Values.config }}
{{- $grpc := dict
  "listen" (printf "%s:50051" (include "tidegate.address" .))
  "insecure" .Values.insecure
  "drain_notice_ms" (mul (include "tidegate.noticeSeconds" .) 1000)
  "drain_ms" (mul (int .Values.drain.seconds) 1000)
  "linger_ms" (int .Values.drain.lingerMilliseconds) }}
{{- $_ := set $settings "grpc" (merge $grpc (default dict $settings.grpc)) }}
{{- $admin := dict "listen" (printf "%s:50052" (include "tidegate.address" .)) }}
{{- $_ := set $settings "admin" (merge $admin (default dict $settings.admin)) }}
{{- if .Values.secrets.smsReceiptsToken.existingSecret }}
{{- $receipts := dict "listen" (printf "%s:50053" (include "tidegate.address" .)) }}
{{- $_ := set $settings "sms_receipts" (merge $receipts (default dict $settings.sms_receipts)) }}
{{- end }}
{{- if eq .Values.database.engine "sqlite" }}
{{- $url := dict "url" "sqlite:/var/lib/tidegate/tidegate.db" }}
{{- $_ := set $settings "database" (merge $url (default dict $settings.database)) }}
{{- end }}
{{- range $key, $path := fromYaml (include "tidegate.secretSettings" (dict "root" . "container" "serve")) }}
{{- $section := splitList "." $key | first }}
{{- $one := dict (splitList "." $key | last) $path }}
{{- $_ := set $settings $section (merge $one (default dict (get $settings $section))) }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* Sections and keys in order of the alphabet. JSON's text is TOML's basic string. */}}
{{- define "tidegate.toml" -}}
{{- range $section, $keys := fromYaml (include "tidegate.settings" .) }}
{{- if $keys }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{- if kindIs "string" $value }}
{{ $key }} = {{ toJson $value }}
{{- else if kindIs "bool" $value }}
{{ $key }} = {{ $value }}
{{- else if not (kindIs "invalid" $value) }}
{{ $key }} = {{ int64 $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end }}
{{- end }}
