{{/*
What the schema can't say, refused before anything is made. The console checks the same in the operator's files; this is for Helm alone.
*/}}
{{- define "sensei.guard" -}}
{{- include "sensei.guard.key" (dict "of" .Values.license "path" "license" "key" "key" "secretKey" "license-key") }}
{{- include "sensei.guard.key" (dict "of" .Values.llm "path" "llm" "key" "apiKey" "secretKey" "api-key") }}
{{- include "sensei.guard.backup" . }}
{{- include "sensei.guard.networks" . }}
{{- end }}

{{/* Input: dict of, path, key, secretKey. */}}
{{- define "sensei.guard.key" -}}
{{- $value := get .of .key }}
{{- if regexMatch "[$][{][^}]*[}]" $value }}
{{- fail (printf "%s.%s holds ${...}, which Helm takes as it stands: sensei fills it in; with Helm alone make a Secret with the key %s and name it in %s.existingSecret." .path .key .secretKey .path) }}
{{- end }}
{{- if and $value .of.existingSecret }}
{{- fail (printf "%s.%s and %s.existingSecret are both set: the key would be written over a Secret of yours. Take one of them out." .path .key .path) }}
{{- end }}
{{- end }}

{{- define "sensei.guard.backup" -}}
{{- $b := .Values.backup }}
{{- $buckets := .Values.storage.buckets }}
{{- if eq $buckets.checkpoints $buckets.artifacts }}
{{- fail (printf "storage.buckets.checkpoints and storage.buckets.artifacts are both %s: each needs a bucket of its own." $buckets.artifacts) }}
{{- end }}
{{- $store := (include "sensei.stores" . | fromYaml).storage.endpoint }}
{{- $there := include "sensei.guard.place" (dict "root" . "url" ($b.bucket.endpoint | default $store)) }}
{{- $own := eq $there (include "sensei.guard.place" (dict "root" . "url" $store)) }}
{{- if and $b.enabled (eq $b.to "bucket") $own (has $b.bucket.name (values $buckets)) }}
{{- fail (printf "backup.bucket.name is %s, which is a bucket of the platform (storage.buckets): backups would lie among what they are of. Name a bucket of its own." $b.bucket.name) }}
{{- end }}
{{- end }}

{{/* Where a URL leads, however it is written; a Service of this namespace has several names. The probe has the same (settings.py). Input: dict root, url. */}}
{{- define "sensei.guard.place" -}}
{{- $end := include "sensei.end" .url | fromYaml }}
{{- $service := printf "^([^.]+)[.]%s([.]svc([.].+)?)?$" .root.Release.Namespace }}
{{- regexReplaceAll $service (lower $end.host) "${1}" }}:{{ $end.port }}{{ regexReplaceAll "/+$" (urlParse .url).path "" }}
{{- end }}

{{- define "sensei.guard.networks" -}}
{{- range .Values.networkPolicy.databases }}
{{- $bits := include "sensei.guard.bits" (splitList "/" . | first) }}
{{- $prefix := splitList "/" . | last | int }}
{{- if or (ne (len $bits) (ternary 128 32 (contains ":" .))) (contains "1" (substr $prefix (len $bits) $bits)) }}
{{- fail (printf "networkPolicy.databases has %s, which is no network: every bit beyond its prefix is 0, as in 10.20.0.0/16." .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The bits of an address, in digits; less or more than it must have where it is none. */}}
{{- define "sensei.guard.bits" -}}
{{- if contains ":" . }}
{{- $halves := splitList "::" . }}
{{- $groups := first $halves | splitList ":" | compact }}
{{- range $half := rest $halves }}
{{- $after := splitList ":" $half | compact }}
{{- range until (add (len $groups) (len $after) | sub 8 | max 1 | int) }}
{{- $groups = append $groups "0" }}
{{- end }}
{{- $groups = concat $groups $after }}
{{- end }}
{{- range $groups }}{{ printf "0x%s" . | int64 | printf "%016b" }}{{ end }}
{{- else }}
{{- range splitList "." . }}{{ int64 . | printf "%08b" }}{{ end }}
{{- end }}
{{- end }}
