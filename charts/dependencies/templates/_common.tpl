{{/* Shared by both charts; the copy in dependencies is written by tools.charts. */}}

{{/* All labels of an object. Input: dict root, component. */}}
{{- define "sensei.labels" -}}
{{ include "sensei.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Labels of the pods of a component: they change with the platform's version, and so do its pods. */}}
{{- define "sensei.podLabels" -}}
{{ include "sensei.storeLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{/* Labels of a store's pods: no version, for a store must not start anew because the platform did. */}}
{{- define "sensei.storeLabels" -}}
{{ include "sensei.selector" . }}
app.kubernetes.io/part-of: sensei
{{- end }}

{{/* Labels that may never change: selectors and volume claims carry these alone. */}}
{{- define "sensei.selector" -}}
app.kubernetes.io/name: sensei
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Name, namespace and labels of an object. Input: dict root, component, name. */}}
{{- define "sensei.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "sensei.labels" . | nindent 2 }}
{{- end }}

{{/* The full name of an image or artifact. Input: dict root, image. */}}
{{- define "sensei.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Requests; the memory limit equals the request, so that no pod lives on memory it was not promised. */}}
{{- define "sensei.resources" -}}
requests:
  cpu: {{ .cpu | quote }}
  memory: {{ .memory | quote }}
limits:
  memory: {{ .memory | quote }}
{{- end }}

{{/* The bytes of a quantity. Larger units than the schema allows are how the API server writes what has many of the smaller ones. */}}
{{- define "sensei.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "P" 1000000000000000
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (required (printf "A size can't have the suffix %s." $unit) (get $units $unit)) -}}
{{- end }}

{{/* A share of a memory quantity in MiB. Input: dict memory, percent. */}}
{{- define "sensei.mebibytes" -}}
{{- divf (mulf (include "sensei.bytes" .memory | float64) .percent) 104857600.0 | floor | int64 -}}
{{- end }}

{{/* Names and words, name=value each, as a mapping: a name that is there twice would be a key twice. Input: dict path, pairs. */}}
{{- define "sensei.pairs" -}}
{{- $names := dict }}
{{- range .pairs }}
{{- $name := regexFind "^[^=]+" . }}
{{- if hasKey $names $name }}
{{- fail (printf "%s has %s twice: take one of them out." $.path $name) }}
{{- end }}
{{- $_ := set $names $name true }}
{{ $name | quote }}: {{ regexReplaceAll "^[^=]+=" . "" | quote }}
{{- end }}
{{- end }}

{{/* Pod-level settings for the restricted Pod Security standard, and where pods run. Input: dict root, uid, tolerations. */}}
{{- define "sensei.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .root.Values.global.nodeSelector }}
nodeSelector:
  {{- include "sensei.pairs" (dict "path" "global.nodeSelector" "pairs" .) | trim | nindent 2 }}
{{- end }}
{{- with concat (.tolerations | default list) .root.Values.global.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* Container-level settings for the restricted Pod Security standard. */}}
{{- define "sensei.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Pods of one component on different nodes. Input: dict root, component, rollout (pods of one revision count alone). */}}
{{- define "sensei.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  # A node that its taint keeps free of these pods does not count as one without them: with it, no other might get a second one.
  nodeTaintsPolicy: Honor
  whenUnsatisfiable: {{ ternary "DoNotSchedule" "ScheduleAnyway" (eq .root.Values.global.spread "required") }}
  labelSelector:
    matchLabels:
      {{- include "sensei.selector" . | nindent 6 }}
  {{- if .rollout }}
  matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* A PodDisruptionBudget: one pod at a time. Input: dict root, component, name. */}}
{{- define "sensei.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "sensei.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready guards nothing; it must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "sensei.selector" . | nindent 6 }}
{{- end }}

{{/* A container's environment variable from a Secret. Input: dict name, secret, key. */}}
{{- define "sensei.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key | quote }}
{{- end }}

{{/* A ClusterIP Service. Input: dict root, component, name, ports (list of dict name, port, target). */}}
{{- define "sensei.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "sensei.metadata" . | nindent 2 }}
spec:
  type: ClusterIP
  {{- if .headless }}
  clusterIP: None
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "sensei.selector" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .target | default .name }}
    {{- end }}
{{- end }}

{{/* What is refused to every pod of a release unless another policy allows it; names may be looked up. Input: dict root, name. */}}
{{- define "sensei.deny" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "sensei.metadata" (merge (dict "component" "network-policy") .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: sensei
      app.kubernetes.io/instance: {{ .root.Release.Name }}
  policyTypes: [Ingress, Egress]
  egress:
    - ports:
        {{- /* On OpenShift the DNS pods listen on 5353, and a policy sees the pod's port. */}}
        {{- range list 53 5353 }}
        - {port: {{ . }}, protocol: UDP}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
{{- end }}

{{/* Every pod of the platform in this namespace, of whichever release. */}}
{{- define "sensei.everyPod" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: sensei
{{- end }}

{{/*
The spec of a volume claim. Input: dict root, size; for a claim by itself name and key (the setting of its size): one that is there, because it was kept,
stays in its class and never shrinks.
*/}}
{{- define "sensei.claim" -}}
{{- $class := .root.Values.global.storageClass }}
{{- with .name }}
{{- $there := lookup "v1" "PersistentVolumeClaim" $.root.Release.Namespace . | default dict }}
{{- $class = ternary (dig "spec" "storageClassName" $class $there) $class (ne $class "") }}
{{- $was := dig "spec" "resources" "requests" "storage" $.size $there }}
{{- if lt (include "sensei.bytes" $.size | float64) (include "sensei.bytes" $was | float64) }}
{{- fail (printf "%s is %s, the volume %s was made with %s, and volumes don't shrink: set it back; or delete the claim, if what is on it is not wanted." $.key $.size . $was) }}
{{- end }}
{{- end }}
accessModes: [ReadWriteOnce]
{{- with $class }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}
