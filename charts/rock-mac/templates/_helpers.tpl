{{- /* Selectors depend on these labels, so they take precedence over the user's. */}}
{{- define "rock-mac.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" "rock-mac"
  "app.kubernetes.io/part-of" "rock-mac"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
-}}
{{- toYaml (merge $own .Values.commonLabels) }}
{{- end }}

{{- /* Renders an object of a generated file with the labels of the release. Takes {root, object}. */}}
{{- define "rock-mac.generated" -}}
{{- $own := .object.metadata.labels | default dict }}
{{- $_ := set .object.metadata "labels" (merge (dict) $own (include "rock-mac.labels" .root | fromYaml)) }}
{{- toYaml .object }}
{{- end }}

{{- /* The labels of a pod: the release's, the one that selectors use, and the user's. Takes {root, name, more}. */}}
{{- define "rock-mac.podLabels" -}}
{{- $own := include "rock-mac.labels" .root | fromYaml | merge (dict "app.kubernetes.io/component" .name) -}}
{{- toYaml (merge $own (.more | default dict)) }}
{{- end }}

{{- define "rock-mac.image" -}}
{{- with .Values.global.imageRegistry | default .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "rock-mac.pullSecrets" -}}
{{- with concat .Values.imagePullSecrets .Values.global.imagePullSecrets -}}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A ServiceAccount with its roles and bindings. Takes {root, name, rules, annotations, hook}: rules is a generated file
       with clusterRules and namespaceRules; hook are the annotations of objects that exist only during a hook. */}}
{{- define "rock-mac.identity" -}}
{{- $rules := .root.Files.Get .rules | fromYaml -}}
{{- $account := merge (dict) (.hook | default dict) (.annotations | default dict) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
  {{- with $account }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
  {{- with .hook }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules: {{- toYaml $rules.clusterRules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
  {{- with .hook }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
  {{- with .hook }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules: {{- toYaml $rules.namespaceRules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
  {{- with .hook }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- /* The connection to the ledger. The Secret is a file, which changes with it: a rotated password needs no restart. When the
       connection is given in parts, the password needs no URL encoding. */}}
{{- define "rock-mac.ledgerEnvironment" -}}
{{- $external := .Values.postgres.external -}}
{{- if and (eq .Values.postgres.mode "external") $external.host -}}
- name: ROCK_MAC_LEDGER_URL
  value: {{ printf "postgresql://%s:%d/%s?sslmode=%s" $external.host (int $external.port) $external.database $external.sslMode }}
- name: PGUSER
  {{- if $external.userKey }}
  valueFrom:
    secretKeyRef: { name: {{ $external.existingSecret }}, key: {{ $external.userKey }} }
  {{- else }}
  value: {{ $external.user | quote }}
  {{- end }}
- name: ROCK_MAC_LEDGER_PASSWORD_FILE
  value: /etc/rock-mac/ledger/password
{{- else -}}
- name: ROCK_MAC_LEDGER_URL_FILE
  value: /etc/rock-mac/ledger/url
{{- end }}
{{- if include "rock-mac.hasLedgerCa" . }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/rock-mac/ledger-ca/ca.crt
{{- end }}
{{- end }}

{{- /* Whether the Secret may have a URL with the login of the owner, with which the init containers migrate. */}}
{{- define "rock-mac.hasOwnerUrl" -}}
{{- if and (eq .Values.postgres.mode "external") (not .Values.postgres.external.host) }}true{{ end }}
{{- end }}

{{- /* The Secret of that file, as the source of a volume. */}}
{{- define "rock-mac.ledgerSecret" -}}
{{- $external := .Values.postgres.external -}}
{{- if eq .Values.postgres.mode "bundled" -}}
secretName: rock-mac-postgres
items: [{ key: url, path: url }]
{{- else if $external.host -}}
secretName: {{ $external.existingSecret }}
items: [{ key: {{ $external.passwordKey }}, path: password }]
{{- else -}}
secretName: {{ $external.existingSecret }}
items: [{ key: {{ $external.urlKey }}, path: url }]
{{- end }}
{{- end }}

{{- define "rock-mac.hasLedgerCa" -}}
{{- if and (eq .Values.postgres.mode "external") .Values.postgres.external.ca.existingSecret }}true{{ end }}
{{- end }}

{{- define "rock-mac.environment" -}}
- name: ROCK_MAC_NAMESPACE
  value: {{ .Release.Namespace }}
- name: ROCK_MAC_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- with .Values.monitoring.audience }}
- name: ROCK_MAC_METRICS_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* A duration such as 1h30m in seconds. */}}
{{- define "rock-mac.seconds" -}}
{{- $units := dict "d" 86400 "h" 3600 "m" 60 "s" 1 -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[dhms]" . -1 -}}
{{- $seconds = add $seconds (mul (atoi (regexFind "[0-9]+" .)) (get $units (regexFind "[dhms]" .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end }}

{{- /* The nodes of a Deployment's pods. Takes {name, values}: values are the component's. */}}
{{- define "rock-mac.placement" -}}
topologySpreadConstraints:
  {{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- include "rock-mac.spread" .name | nindent 2 }}
  {{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "rock-mac.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/component: {{ . }}
{{- end }}

{{- /* Only with more than one replica: with one replica it would block every drain. Takes {root, name, replicas}. */}}
{{- define "rock-mac.disruptionBudget" -}}
{{- if and .root.Values.podDisruptionBudget.enabled (gt (int .replicas) 1) }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "rock-mac.labels" .root | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app.kubernetes.io/component: {{ .name }}
{{- end }}
{{- end }}
