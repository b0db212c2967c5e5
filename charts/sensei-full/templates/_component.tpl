{{/*
One component of Sensei: Deployment, Service where it listens to others, budget where it has several pods.
Input: dict root, component, image, replicas, resources, port (0: nobody calls it), init, mounts, volumes (text).
*/}}
{{- define "sensei.component" -}}
{{- $input := merge (dict "name" (printf "sensei-%s" .component) "rollout" true) . }}
{{- if .port }}
{{- include "sensei.service" (merge (dict "ports" (list (dict "name" "http" "port" .port))) $input) }}
---
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "sensei.metadata" $input | nindent 2 }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate:
      # Who answers callers is never fewer; who takes work from a queue makes room for its successor.
      maxSurge: {{ ternary 1 0 (gt (int .port) 0) }}
      maxUnavailable: {{ ternary 0 1 (gt (int .port) 0) }}
  selector:
    matchLabels:
      {{- include "sensei.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "sensei.podLabels" . | nindent 8 }}
      annotations:
        checksum/config: {{ include "sensei.endpoints" .root | sha256sum }}
    spec:
      {{- include "sensei.podSpec" (dict "root" .root "uid" 10001 "init" .init "volumes" .volumes
        "pod" (include "sensei.component.pod" $input) "containers" (include "sensei.component.container" $input)) | nindent 6 }}
{{- if gt (int .replicas) 1 }}
---
{{ include "sensei.budget" $input }}
{{- end }}
{{- end }}

{{- define "sensei.component.pod" -}}
terminationGracePeriodSeconds: 60
topologySpreadConstraints:
  {{- include "sensei.spread" . | nindent 2 }}
{{- end }}

{{- define "sensei.component.container" -}}
{{ include "sensei.box" (dict "root" .root "name" .component "image" .image "args" (list .component) "resources" .resources
  "env" (include "sensei.secrets" .root) "mounts" .mounts "rest" (include "sensei.component.rest" .)) }}
{{- end }}

{{- define "sensei.component.rest" -}}
ports:
  - name: http
    containerPort: 8080
envFrom:
  - configMapRef:
      name: sensei-config
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
{{- if .port }}
lifecycle:
  # Callers learn that the pod goes before it stops to answer.
  preStop:
    sleep: {seconds: 5}
{{- end }}
{{- end }}
