{{/* Where each store is, bundled or external: decided here once, no template branches on it again. */}}
{{- define "sensei.endpoints" -}}
{{- $v := .Values -}}
DATABASE_HOST: {{ ternary $v.postgresql.external.host "sensei-postgresql" $v.postgresql.external.enabled | quote }}
DATABASE_PORT: {{ ternary $v.postgresql.external.port 5432 $v.postgresql.external.enabled | quote }}
DATABASE_NAME: {{ ternary $v.postgresql.external.database "sensei" $v.postgresql.external.enabled | quote }}
DATABASE_USER: {{ ternary $v.postgresql.external.username "sensei" $v.postgresql.external.enabled | quote }}
DATABASE_SSLMODE: {{ ternary $v.postgresql.external.tls.mode "disable" $v.postgresql.external.enabled | quote }}
REDIS_HOST: {{ ternary $v.redis.external.host "sensei-redis" $v.redis.external.enabled | quote }}
REDIS_PORT: {{ ternary $v.redis.external.port 6379 $v.redis.external.enabled | quote }}
S3_ENDPOINT: {{ ternary $v.storage.external.endpoint "http://sensei-minio:9000" $v.storage.external.enabled | quote }}
S3_REGION: {{ $v.storage.external.region | quote }}
S3_PATH_STYLE: {{ ternary $v.storage.external.pathStyle true $v.storage.external.enabled | quote }}
S3_BUCKET_CHECKPOINTS: {{ $v.storage.buckets.checkpoints | quote }}
S3_BUCKET_ARTIFACTS: {{ $v.storage.buckets.artifacts | quote }}
VECTOR_DB_URL: {{ ternary $v.vectorDb.external.url "http://sensei-weaviate:8080" $v.vectorDb.external.enabled | quote }}
LLM_PROVIDER: {{ $v.llm.provider | quote }}
LLM_URL: {{ ternary "http://sensei-llm:8000/v1" "" (eq $v.llm.provider "local") | quote }}
LLM_MODEL: {{ $v.llm.model | quote }}
PATTERN_LIBRARY_SOURCE: {{ $v.patternLibrary.source | quote }}
PATTERN_LIBRARY_SNAPSHOT: {{ $v.patternLibrary.snapshotPath | quote }}
PUBLIC_DOMAIN: {{ $v.global.domain | quote }}
{{- end }}

{{/* Secrets every component reads: database, Redis, S3, vector database, license, and the LLM's key where there is one. */}}
{{- define "sensei.secrets" -}}
{{- $v := .Values -}}
{{- $own := $v.credentials.existingSecret -}}
{{- $pg := $v.postgresql.external -}}
{{- $redis := $v.redis.external -}}
{{- $s3 := ternary $v.storage.external.existingSecret $own $v.storage.external.enabled -}}
{{ include "sensei.secretEnv" (dict "name" "DATABASE_PASSWORD" "secret" (ternary $pg.existingSecret $own $pg.enabled) "key" (ternary $pg.passwordKey "postgres-password" $pg.enabled)) }}
{{- if or (not $redis.enabled) $redis.existingSecret }}
{{ include "sensei.secretEnv" (dict "name" "REDIS_PASSWORD" "secret" (ternary $redis.existingSecret $own $redis.enabled) "key" (ternary $redis.passwordKey "redis-password" $redis.enabled)) }}
{{- end }}
{{ include "sensei.secretEnv" (dict "name" "S3_ACCESS_KEY" "secret" $s3 "key" "s3-access-key") }}
{{ include "sensei.secretEnv" (dict "name" "S3_SECRET_KEY" "secret" $s3 "key" "s3-secret-key") }}
{{- if or (not $v.vectorDb.external.enabled) $v.vectorDb.external.existingSecret }}
{{ include "sensei.secretEnv" (dict "name" "VECTOR_DB_API_KEY" "secret" (ternary $v.vectorDb.external.existingSecret $own $v.vectorDb.external.enabled) "key" "weaviate-api-key") }}
{{- end }}
{{ include "sensei.secretEnv" (dict "name" "SESSION_KEY" "secret" $own "key" "session-key") }}
{{ include "sensei.secretEnv" (dict "name" "LICENSE_KEY" "secret" ($v.license.existingSecret | default "sensei-license") "key" "license-key") }}
{{- if eq $v.llm.provider "anthropic" }}
{{ include "sensei.secretEnv" (dict "name" "LLM_API_KEY" "secret" ($v.llm.existingSecret | default "sensei-llm") "key" "api-key") }}
{{- end }}
{{- end }}
