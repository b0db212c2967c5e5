{{/* Shared by both charts; the two copies are identical (tests/charts). */}}

{{/* All labels of an object. Input: dict root, component. */}}
{{- define "sensei.labels" -}}
{{ include "sensei.selector" . }}
app.kubernetes.io/part-of: sensei
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Labels that may never change: selectors and volume claims carry these alone. */}}
{{- define "sensei.selector" -}}
app.kubernetes.io/name: sensei
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The full name of an image. Input: dict root, image. */}}
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

{{/* Pod-level settings for the restricted Pod Security standard. Input: dict root, uid. */}}
{{- define "sensei.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
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

{{/* Pods of one component on different nodes, as far as possible. Input: dict root, component. */}}
{{- define "sensei.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "sensei.selector" . | nindent 6 }}
{{- end }}

{{/* A PodDisruptionBudget: one pod at a time. Input: dict root, component, name. */}}
{{- define "sensei.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "sensei.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
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
