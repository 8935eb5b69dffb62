{{/* Secrets as files: one folder each below /etc/tidegate/secrets, with names that do not depend on the Secret's keys. */}}

{{/* The secrets that are given: value, folder, and for each file its key and the setting that names it. `for` says which
     containers mount it: serve, init, migrate, health, call. */}}
{{- define "tidegate.secrets" -}}
{{- $s := .Values.secrets }}
{{- $postgres := eq .Values.database.engine "postgres" }}
{{- $owner := default $s.database.existingSecret $s.databaseOwner.existingSecret }}
{{- $test := $s.testCredential }}
{{- if not $test.existingSecret }}{{ $test = $s.operatorCredential }}{{ end }}
{{- $all := list
  (dict "folder" "master-key" "secret" $s.masterKey.existingSecret "for" (list "serve" "init")
    "files" (list (list $s.masterKey.key "master.key" "keys.master_file")))
  (dict "folder" "database" "secret" (ternary $s.database.existingSecret "" $postgres) "for" (list "serve")
    "files" (list (list $s.database.key "url" "database.url_file")))
  (dict "folder" "database-owner" "secret" (ternary $owner "" $postgres) "for" (list "init" "migrate")
    "files" (list (list $s.databaseOwner.key "url" "database.url_file")))
  (dict "folder" "operator-credential" "secret" $s.operatorCredential.existingSecret "for" (list "init")
    "files" (list (list $s.operatorCredential.key "operator.credential" "bootstrap.credential_file")))
  (dict "folder" "test-credential" "secret" $test.existingSecret "for" (list "call")
    "files" (list (list $test.key "credential" "")))
  (dict "folder" "tls" "secret" $s.tls.existingSecret "for" (list "serve")
    "files" (list
      (list $s.tls.certificateKey "tls.crt" "tls.cert_file")
      (list $s.tls.privateKeyKey "tls.key" "tls.key_file")))
  (dict "folder" "client-ca" "secret" $s.clientCa.existingSecret "for" (list "serve")
    "files" (list (list $s.clientCa.key "ca.crt" "tls.client_ca_file")))
  (dict "folder" "server-ca" "secret" $s.serverCa.existingSecret "for" (list "health" "call")
    "files" (list (list $s.serverCa.key "ca.crt" "")))
  (dict "folder" "smtp-password" "secret" $s.smtpPassword.existingSecret "for" (list "serve")
    "files" (list (list $s.smtpPassword.key "password" "smtp.password_file")))
  (dict "folder" "smtp-ca" "secret" $s.smtpCa.existingSecret "for" (list "serve")
    "files" (list (list $s.smtpCa.key "ca.crt" "smtp.ca_file")))
  (dict "folder" "sms-secret" "secret" $s.smsSecret.existingSecret "for" (list "serve")
    "files" (list (list $s.smsSecret.key "secret" "sms.secret_file")))
  (dict "folder" "sms-ca" "secret" $s.smsCa.existingSecret "for" (list "serve")
    "files" (list (list $s.smsCa.key "ca.crt" "sms.ca_file")))
  (dict "folder" "sms-receipts-token" "secret" $s.smsReceiptsToken.existingSecret "for" (list "serve")
    "files" (list (list $s.smsReceiptsToken.key "token" "sms_receipts.token_file")))
  (dict "folder" "web-push-key" "secret" $s.webPushKey.existingSecret "for" (list "serve")
    "files" (list (list $s.webPushKey.key "key.pem" "web_push.key_file")))
  (dict "folder" "fcm-account" "secret" $s.fcmAccount.existingSecret "for" (list "serve")
    "files" (list (list $s.fcmAccount.key "account.json" "fcm.account_file")))
  (dict "folder" "apns-key" "secret" $s.apnsKey.existingSecret "for" (list "serve")
    "files" (list (list $s.apnsKey.key "key.p8" "apns.key_file")))
  (dict "folder" "otlp-ca" "secret" $s.otlpCa.existingSecret "for" (list "serve")
    "files" (list (list $s.otlpCa.key "ca.crt" "otlp.ca_file")))
}}
{{- $given := list }}
{{- range $all }}
{{- if .secret }}{{ $given = append $given . }}{{ end }}
{{- end }}
{{- toYaml (dict "all" $given) }}
{{- end }}

{{/* The volumes of a pod whose containers are `containers`: root, containers. */}}
{{- define "tidegate.secretVolumes" -}}
{{- $containers := .containers }}
{{- range (fromYaml (include "tidegate.secrets" .root)).all }}
{{- $wanted := false }}
{{- range .for }}{{ if has . $containers }}{{ $wanted = true }}{{ end }}{{ end }}
{{- if $wanted }}
- name: {{ .folder }}
  secret:
    secretName: {{ .secret }}
    # 0440: the group is podSecurity.fsGroup.
    defaultMode: 288
    items:
      {{- range .files }}
      - {key: {{ index . 0 }}, path: {{ index . 1 }}}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The mounts of one container: root, container. */}}
{{- define "tidegate.secretMounts" -}}
{{- $container := .container }}
{{- range (fromYaml (include "tidegate.secrets" .root)).all }}
{{- if has $container .for }}
- name: {{ .folder }}
  mountPath: /etc/tidegate/secrets/{{ .folder }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{/* The settings that name the files of one container, as YAML: root, container. */}}
{{- define "tidegate.secretSettings" -}}
{{- $container := .container }}
{{- $settings := dict }}
{{- range $secret := (fromYaml (include "tidegate.secrets" .root)).all }}
{{- if has $container $secret.for }}
{{- range $secret.files }}
{{- if index . 2 }}
{{- $_ := set $settings (index . 2) (printf "/etc/tidegate/secrets/%s/%s" $secret.folder (index . 1)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $settings }}
{{- end }}
