{{/*
Where each store is and how it is reached, bundled or external: decided here once, no template branches on it again.
YAML: per store `external` (hosts and ports outside the cluster), its address, and where its secrets are (no secret: none is needed).
*/}}
{{- define "sensei.stores" -}}
{{- $v := .Values -}}
{{- $own := $v.credentials.existingSecret -}}
{{- with $v.postgresql.external }}
{{- if .enabled }}
postgresql: {external: [{host: {{ .host | quote }}, port: {{ .port }}}], host: {{ .host | quote }}, port: {{ .port }}, database: {{ .database | quote }}, username: {{ .username | quote }}, sslmode: {{ .tls.mode }}, secret: {{ .existingSecret | quote }}, key: {{ .passwordKey | quote }}}
{{- else }}
postgresql: {external: [], host: sensei-postgresql, port: 5432, database: sensei, username: sensei, sslmode: disable, secret: {{ $own | quote }}, key: postgres-password}
{{- end }}
{{- end }}
{{- with $v.redis.external }}
{{- if .enabled }}
redis: {external: [{host: {{ .host | quote }}, port: {{ .port }}}], host: {{ .host | quote }}, port: {{ .port }}, tls: {{ .tls.enabled }}, secret: {{ .existingSecret | quote }}, key: {{ .passwordKey | quote }}}
{{- else }}
redis: {external: [], host: sensei-redis, port: 6379, tls: false, secret: {{ $own | quote }}, key: redis-password}
{{- end }}
{{- end }}
{{- with $v.storage.external }}
{{- if .enabled }}
storage: {external: [{{ include "sensei.end" .endpoint }}], endpoint: {{ .endpoint | quote }}, region: {{ .region | quote }}, pathStyle: {{ .pathStyle }}, secret: {{ .existingSecret | quote }}}
{{- else }}
storage: {external: [], endpoint: "http://sensei-minio:9000", region: us-east-1, pathStyle: true, secret: {{ $own | quote }}}
{{- end }}
{{- end }}
{{- with $v.vectorDb.external }}
{{- if .enabled }}
vectorDb: {external: [{{ include "sensei.end" .url }}{{ with .grpc }}, {{ include "sensei.end" (printf "grpc://%s" .) }}{{ end }}], url: {{ .url | quote }}, grpc: {{ .grpc | quote }}, secret: {{ .existingSecret | quote }}}
{{- else }}
vectorDb: {external: [], url: "http://sensei-weaviate:8080", grpc: "sensei-weaviate:50051", secret: {{ $own | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Host and TCP port of a URL, as YAML. */}}
{{- define "sensei.end" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host -}}
{host: {{ trimSuffix $port $url.host | trimAll "[]" | quote }}, port: {{ trimPrefix ":" $port | default (ternary "443" "80" (eq $url.scheme "https")) }}}
{{- end }}

{{/* What every component and job is told of the installation: a flat YAML mapping of environment variables. */}}
{{- define "sensei.endpoints" -}}
{{- $v := .Values -}}
{{- $stores := include "sensei.stores" . | fromYaml -}}
{{- with $stores.postgresql -}}
DATABASE_HOST: {{ .host | quote }}
DATABASE_PORT: {{ .port | quote }}
DATABASE_NAME: {{ .database | quote }}
DATABASE_USER: {{ .username | quote }}
DATABASE_SSLMODE: {{ .sslmode | quote }}
{{- end }}
{{- with $stores.redis }}
REDIS_HOST: {{ .host | quote }}
REDIS_PORT: {{ .port | quote }}
REDIS_TLS: {{ .tls | quote }}
{{- end }}
{{- with $stores.storage }}
S3_ENDPOINT: {{ .endpoint | quote }}
S3_REGION: {{ .region | quote }}
S3_PATH_STYLE: {{ .pathStyle | quote }}
{{- end }}
S3_BUCKET_CHECKPOINTS: {{ $v.storage.buckets.checkpoints | quote }}
S3_BUCKET_ARTIFACTS: {{ $v.storage.buckets.artifacts | quote }}
{{- with $stores.vectorDb }}
VECTOR_DB_URL: {{ .url | quote }}
VECTOR_DB_GRPC: {{ .grpc | quote }}
{{- end }}
LLM_PROVIDER: {{ $v.llm.provider | quote }}
LLM_URL: {{ ternary "http://sensei-llm:8000/v1" "" (eq $v.llm.provider "local") | quote }}
LLM_MODEL: {{ $v.llm.model | quote }}
PATTERN_LIBRARY_SOURCE: {{ $v.patternLibrary.source | quote }}
PATTERN_LIBRARY_SNAPSHOT: {{ $v.patternLibrary.snapshotPath | quote }}
PUBLIC_DOMAIN: {{ $v.global.domain | quote }}
{{- end }}

{{/* The same as a container's variables: for hooks, which run before the ConfigMap is there or new. */}}
{{- define "sensei.endpointEnv" -}}
{{- range $name, $value := include "sensei.endpoints" . | fromYaml }}
{{- if ne $value "" }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What PostgreSQL's own programs need of it. */}}
{{- define "sensei.databaseEnv" -}}
{{- range $name, $value := include "sensei.endpoints" . | fromYaml }}
{{- if hasPrefix "DATABASE_" $name }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with (include "sensei.stores" . | fromYaml).postgresql }}
{{ include "sensei.secretEnv" (dict "name" "DATABASE_PASSWORD" "secret" .secret "key" .key) }}
{{- end }}
{{- end }}

{{/* Secrets of the stores, as a container's variables. */}}
{{- define "sensei.storeSecrets" -}}
{{- $stores := include "sensei.stores" . | fromYaml -}}
{{- with $stores.postgresql -}}
{{ include "sensei.secretEnv" (dict "name" "DATABASE_PASSWORD" "secret" .secret "key" .key) }}
{{- end }}
{{- with $stores.redis }}
{{- if .secret }}
{{ include "sensei.secretEnv" (dict "name" "REDIS_PASSWORD" "secret" .secret "key" .key) }}
{{- end }}
{{- end }}
{{- with $stores.storage }}
{{ include "sensei.secretEnv" (dict "name" "S3_ACCESS_KEY" "secret" .secret "key" "s3-access-key") }}
{{ include "sensei.secretEnv" (dict "name" "S3_SECRET_KEY" "secret" .secret "key" "s3-secret-key") }}
{{- end }}
{{- with $stores.vectorDb }}
{{- if .secret }}
{{ include "sensei.secretEnv" (dict "name" "VECTOR_DB_API_KEY" "secret" .secret "key" "weaviate-api-key") }}
{{- end }}
{{- end }}
{{- end }}

{{/* Key of the external LLM, where there is one. */}}
{{- define "sensei.llmSecret" -}}
{{- if eq .Values.llm.provider "anthropic" }}
{{ include "sensei.secretEnv" (dict "name" "LLM_API_KEY" "secret" (.Values.llm.existingSecret | default "sensei-llm") "key" "api-key") }}
{{- end }}
{{- end }}

{{/* Secrets of the components: those of the stores, the session key, the licence, and the LLM's key. */}}
{{- define "sensei.secrets" -}}
{{ include "sensei.storeSecrets" . }}
{{ include "sensei.secretEnv" (dict "name" "SESSION_KEY" "secret" .Values.credentials.existingSecret "key" "session-key") }}
{{ include "sensei.secretEnv" (dict "name" "LICENSE_KEY" "secret" (.Values.license.existingSecret | default "sensei-license") "key" "license-key") }}
{{- include "sensei.llmSecret" . }}
{{- end }}
