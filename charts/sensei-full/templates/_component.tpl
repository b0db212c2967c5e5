{{/*
One component of Sensei: Deployment, Service where it listens, budget where it has several pods.
Input: dict root, component, image, replicas, resources, port (0: it does not listen).
*/}}
{{- define "sensei.component" -}}
{{- $name := printf "sensei-%s" .component }}
{{- $input := merge (dict "name" $name) . }}
{{- $labels := include "sensei.labels" . }}
{{- $selector := include "sensei.selector" . }}
{{- if .port }}
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- $selector | nindent 4 }}
  ports:
    - name: http
      port: {{ .port }}
      targetPort: http
---
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- $labels | nindent 8 }}
      annotations:
        checksum/config: {{ include "sensei.endpoints" .root | sha256sum }}
    spec:
      {{- include "sensei.pod" (dict "root" .root "uid" 10001) | nindent 6 }}
      topologySpreadConstraints:
        {{- include "sensei.spread" . | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "sensei.image" . | quote }}
          imagePullPolicy: IfNotPresent
          args: [{{ .component }}]
          securityContext:
            {{- include "sensei.container" . | nindent 12 }}
          resources:
            {{- include "sensei.resources" .resources | nindent 12 }}
          ports:
            - name: http
              containerPort: 8080
          envFrom:
            - configMapRef:
                name: sensei-config
          env:
            {{- include "sensei.secrets" .root | nindent 12 }}
          startupProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 20
          readinessProbe:
            httpGet:
              path: /readyz
              port: http
            periodSeconds: 10
          volumeMounts:
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tmp
          emptyDir: {}
{{- if gt (int .replicas) 1 }}
---
{{ include "sensei.budget" $input }}
{{- end }}
{{- end }}
