{{/*
One container. Input: dict root, name, image, args, command, resources (dict cpu, memory; or text, as the GPU server has), env (text),
envFrom (text), mounts (text), rest (text).
*/}}
{{- define "sensei.box" -}}
- name: {{ .name }}
  image: {{ include "sensei.image" . | quote }}
  imagePullPolicy: IfNotPresent
  terminationMessagePolicy: FallbackToLogsOnError
  {{- with .command }}
  command: {{ toJson . }}
  {{- end }}
  {{- with .args }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "sensei.container" . | nindent 4 }}
  resources:
    {{- if kindIs "string" .resources }}
    {{- .resources | trim | nindent 4 }}
    {{- else }}
    {{- include "sensei.resources" .resources | nindent 4 }}
    {{- end }}
  {{- with .rest }}
  {{- . | nindent 2 }}
  {{- end }}
  env:
    - name: SENSEI_VERSION
      value: {{ .root.Chart.AppVersion | quote }}
    {{- if .root.Values.global.caBundle.existingSecret }}
    {{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "NODE_EXTRA_CA_CERTS" "AWS_CA_BUNDLE" "DATABASE_CA" }}
    - name: {{ . }}
      value: /etc/sensei/ca/ca.crt
    {{- end }}
    {{- end }}
    {{- with .env }}
    {{- . | trim | nindent 4 }}
    {{- end }}
  volumeMounts:
    - name: tmp
      mountPath: /tmp
    {{- if .root.Values.global.caBundle.existingSecret }}
    - name: ca
      mountPath: /etc/sensei/ca
      readOnly: true
    {{- end }}
    {{- with .mounts }}
    {{- . | trim | nindent 4 }}
    {{- end }}
{{- end }}

{{/* A pod's spec around its containers. Input: dict root, uid, containers (text), init (text), volumes (text), pod (text), tolerations. */}}
{{- define "sensei.podSpec" -}}
{{ include "sensei.pod" . }}
{{- with .pod }}
{{ . | trim }}
{{- end }}
{{- with .init }}
initContainers:
  {{- . | trim | nindent 2 }}
{{- end }}
containers:
  {{- .containers | trim | nindent 2 }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .root.Values.global.caBundle }}
  {{- if .existingSecret }}
  - name: ca
    secret:
      secretName: {{ .existingSecret | quote }}
      items:
        - {key: {{ .key | quote }}, path: ca.crt}
  {{- end }}
  {{- end }}
  {{- with .volumes }}
  {{- . | trim | nindent 2 }}
  {{- end }}
{{- end }}

{{/*
A container that fetches an OCI artifact into a directory before the others start.
Input: dict root, artifact (registry, repository, tag, digest), volume, path.
*/}}
{{- define "sensei.loader" -}}
{{ include "sensei.box" (dict "root" .root "name" "load" "image" .root.Values.probe.image
  "args" (list "load" (include "sensei.image" (dict "root" .root "image" .artifact)) "--to" .path)
  "resources" (dict "cpu" "100m" "memory" "512Mi")
  "env" (ternary "- {name: DOCKER_CONFIG, value: /etc/sensei/registry}" "" (gt (len .root.Values.global.imagePullSecrets) 0))
  "mounts" (include "sensei.loader.mounts" .)) }}
{{- end }}

{{- define "sensei.loader.mounts" -}}
- name: {{ .volume }}
  mountPath: {{ .mount | default .path | quote }}
{{- if .root.Values.global.imagePullSecrets }}
- name: registry
  mountPath: /etc/sensei/registry
  readOnly: true
{{- end }}
{{- end }}

{{/* The volume with the registry's credentials that a loader reads. Input: root. */}}
{{- define "sensei.loader.volume" -}}
{{- with .Values.global.imagePullSecrets }}
- name: registry
  secret:
    secretName: {{ first . | quote }}
    items:
      - {key: .dockerconfigjson, path: config.json}
{{- end }}
{{- end }}

{{/*
A Job that is a hook of the release. Input: dict root, component, name, hook, weight, seconds, retries, uid, containers, volumes.
*/}}
{{- define "sensei.hookJob" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "sensei.metadata" . | nindent 2 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- include "sensei.jobSpec" . | nindent 2 }}
{{- end }}

{{/* The spec of a Job. Input: see sensei.hookJob. */}}
{{- define "sensei.jobSpec" -}}
backoffLimit: {{ .retries }}
activeDeadlineSeconds: {{ .seconds }}
template:
  metadata:
    labels:
      {{- include "sensei.podLabels" . | nindent 6 }}
  spec:
    {{- include "sensei.podSpec" (merge (dict "uid" 10001 "pod" "restartPolicy: Never") .) | nindent 4 }}
{{- end }}
