{{/*
One store: client Service, headless Service, StatefulSet, budget.
Input: dict root, component, name, uid, values (image, resources), replicas, ports (list of dict name, port),
volumes (list of dict name, path, size), container (the rest of the container, as text), pod (more pod settings, as text).
*/}}
{{- define "sensei.store" -}}
{{- $labels := include "sensei.labels" . }}
{{- $selector := include "sensei.selector" . }}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- $selector | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
    {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-headless
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  type: ClusterIP
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- $selector | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
    {{- end }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  serviceName: {{ .name }}-headless
  podManagementPolicy: {{ ternary "Parallel" "OrderedReady" (gt (int .replicas) 1) }}
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- $labels | nindent 8 }}
    spec:
      {{- include "sensei.pod" . | nindent 6 }}
      {{- with .pod }}
      {{- . | nindent 6 }}
      {{- end }}
      topologySpreadConstraints:
        {{- include "sensei.spread" . | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "sensei.image" (dict "root" .root "image" .values.image) | quote }}
          imagePullPolicy: IfNotPresent
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
            {{- range .volumes }}
            - name: {{ .name }}
              mountPath: {{ .path }}
            {{- end }}
            {{- range .mounts }}
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
        accessModes: [ReadWriteOnce]
        {{- with $root.Values.global.storageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ .size | quote }}
    {{- end }}
{{- if gt (int .replicas) 1 }}
---
{{ include "sensei.budget" . }}
{{- end }}
{{- end }}
