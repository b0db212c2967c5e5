{{/*
One store: client Service, headless Service, StatefulSet, budget.
Input: dict root, key (of its values), component, name, uid, values (image, resources), replicas, ports (list of dict name, port: those of clients),
volumes (list of dict name, path, size), mounts (list of dict name, path, emptyDir), grace (seconds), container (the rest of it, as text).
No liveness probe anywhere: a store that recovers after a crash must never be killed for being slow. What never gets ready is on the board.
*/}}
{{- define "sensei.store" -}}
{{- include "sensei.guard.volumes" . }}
{{- $selector := include "sensei.selector" . }}
{{- include "sensei.service" . }}
---
{{ include "sensei.service" (merge (dict "name" (printf "%s-headless" .name) "headless" true) .) }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "sensei.metadata" . | nindent 2 }}
spec:
  replicas: {{ .replicas }}
  serviceName: {{ .name }}-headless
  # Members of a cluster wait for each other; and the field can't change when one pod becomes three.
  podManagementPolicy: Parallel
  revisionHistoryLimit: 3
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "sensei.storeLabels" . | nindent 8 }}
    spec:
      {{- include "sensei.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ .grace }}
      topologySpreadConstraints:
        {{- include "sensei.spread" . | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "sensei.image" (dict "root" .root "image" .values.image) | quote }}
          imagePullPolicy: IfNotPresent
          terminationMessagePolicy: FallbackToLogsOnError
          securityContext:
            {{- include "sensei.container" . | nindent 12 }}
          resources:
            {{- include "sensei.resources" .values.resources | nindent 12 }}
          ports:
            {{- range .ports }}
            - name: {{ .name }}
              containerPort: {{ .port }}
            {{- end }}
          {{- .container | nindent 10 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- range concat .volumes .mounts }}
            - name: {{ .name }}
              mountPath: {{ .path }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- range .mounts }}
        - name: {{ .name }}
          emptyDir:
            {{- toYaml .emptyDir | nindent 12 }}
        {{- end }}
  volumeClaimTemplates:
    {{- $root := .root }}
    {{- range .volumes }}
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: {{ .name }}
        labels:
          {{- $selector | nindent 10 }}
      spec:
        {{- include "sensei.claim" (dict "root" $root "size" .size) | nindent 8 }}
    {{- end }}
{{- if gt (int .replicas) 1 }}
---
{{ include "sensei.budget" . }}
{{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
{{ include "sensei.store.policy" . }}
{{- end }}
{{- end }}

{{/* Pods of the platform reach a store's ports, but for a console (that is for port-forward); its own pods reach each other on all of theirs. */}}
{{- define "sensei.store.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "sensei.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "sensei.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- include "sensei.everyPod" . | nindent 8 }}
      ports:
        {{- range .ports }}
        {{- if ne .name "console" }}
        - {port: {{ .name }}}
        {{- end }}
        {{- end }}
    {{- $peers := printf "podSelector:\n  matchLabels:\n%s" (include "sensei.selector" . | indent 4) }}
    - from:
        - {{- $peers | nindent 10 }}
  egress:
    - to:
        - {{- $peers | nindent 10 }}
{{- end }}
