{{/*
What a deployed store can't become is refused before anything is changed; without a cluster to ask, nothing is known and nothing refused.
*/}}

{{/* Its StatefulSet, or nothing. Input: that of sensei.store. */}}
{{- define "sensei.guard.there" -}}
{{- lookup "apps/v1" "StatefulSet" .root.Release.Namespace .name | default dict | toJson }}
{{- end }}

{{/* Its volume claims, as an uninstalled store left them: a list. Input: that of sensei.store. */}}
{{- define "sensei.guard.claims" -}}
{{- $found := list }}
{{- range (lookup "v1" "PersistentVolumeClaim" .root.Release.Namespace "" | default dict).items }}
{{- if regexMatch (printf "^data(-[0-9]+)?-%s-[0-9]+$" $.name) .metadata.name }}
{{- $found = append $found . }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* The API server refuses a change of volume claim templates, in words that name no setting. Input: that of sensei.store. */}}
{{- define "sensei.guard.volumes" -}}
{{- $there := include "sensei.guard.there" . | fromJson }}
{{- range $old := dig "spec" "volumeClaimTemplates" list $there }}
{{- include "sensei.guard.volume" (dict "store" $ "old" $old.spec "name" $old.metadata.name "class" $.root.Values.global.storageClass) }}
{{- end }}
{{- if not $there }}
{{- range $old := include "sensei.guard.claims" . | fromJsonArray }}
{{- /* What was made in the default class has its name by now. */}}
{{- $class := $.root.Values.global.storageClass | default (dig "spec" "storageClassName" "" $old) }}
{{- include "sensei.guard.volume" (dict "store" $ "old" $old.spec "name" (regexFind "^data(-[0-9]+)?-sensei" $old.metadata.name | trimSuffix "-sensei") "class" $class) }}
{{- end }}
{{- end }}
{{- end }}

{{/* One of its volumes. Input: dict store (that of sensei.store), old (spec of a claim), name (of the volume), class (that is asked for). */}}
{{- define "sensei.guard.volume" -}}
{{- $was := dig "storageClassName" "" .old }}
{{- if ne $was .class }}
{{- fail (printf "global.storageClass is %q, the volumes of %s were made with %q, and volumes can't change it: set it back, or make the store anew (guide, Data stores, Another layout)." .class .store.name $was) }}
{{- end }}
{{- range $new := .store.volumes }}
{{- $size := $.old.resources.requests.storage }}
{{- if and (eq $new.name $.name) (ne (include "sensei.bytes" $size) (include "sensei.bytes" $new.size)) }}
{{- fail (printf "%s.persistence.size is %s, the volumes of %s were made with %s, and values alone can't change that: set it back, or grow the volumes first (guide, Data stores, More room)." $.store.key $new.size $.store.name $size) }}
{{- end }}
{{- end }}
{{- end }}

{{/* MinIO starts with as many pods and volumes as it was made with, and no others. Input: that of sensei.store. */}}
{{- define "sensei.guard.minio" -}}
{{- $there := include "sensei.guard.there" . | fromJson }}
{{- $was := list }}
{{- if $there }}
{{- /* Not its number of replicas, which somebody may have set to 0. */}}
{{- $last := regexFind "sensei-minio-[{]0[.]{3}[0-9]+" (toJson $there.spec.template.spec.containers) | regexFind "[0-9]*$" }}
{{- $was = list (add1 (int $last)) (len $there.spec.volumeClaimTemplates) }}
{{- else }}
{{- $claims := include "sensei.guard.claims" . | fromJsonArray }}
{{- $pods := dict }}
{{- range $claims }}
{{- $_ := set $pods (regexFind "[0-9]+$" .metadata.name) true }}
{{- end }}
{{- with len $pods }}
{{- $was = list . (div (len $claims) .) }}
{{- end }}
{{- end }}
{{- $asked := list (int .replicas) (len .volumes) }}
{{- if and $was (ne (join " x " $was) (join " x " $asked)) }}
{{- fail (printf "storage.minio.replicas x storage.minio.drivesPerReplica is %s, the object storage was made with %s, and can't start with another number: set both back, or make the store anew from a backup (guide, Data stores, Another layout)." (join " x " $asked) (join " x " $was)) }}
{{- end }}
{{- end }}

{{/* A collection's vectors are on some of the pods, and nothing moves them off one that goes. Input: that of sensei.store. */}}
{{- define "sensei.guard.weaviate" -}}
{{- $was := include "sensei.guard.claims" . | fromJsonArray | len }}
{{- range dig "spec" "template" "spec" "containers" list (include "sensei.guard.there" . | fromJson) }}
{{- range .env }}
{{- if eq .name "RAFT_JOIN" }}
{{- $was = len (splitList "," .value) }}
{{- end }}
{{- end }}
{{- end }}
{{- if lt (int .replicas) $was }}
{{- fail (printf "vectorDb.replicas is %d, the vector database has %d pods, and the vectors of those that go would be lost: set it back, or make the store anew from a backup (guide, Data stores, Another layout)." (int .replicas) $was) }}
{{- end }}
{{- end }}
