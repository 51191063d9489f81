{{- /* The Deployment of one program. Takes {root, name, program, values, env, ports, volumes, mounts, annotations, grace,
       hostNetwork}: values are the component's values, the rest is specific to the program. */}}
{{- define "rock-mac.deployment" -}}
{{- $root := .root }}
{{- $values := .values }}
{{- $volumes := concat (.volumes | default list) $values.extraVolumes }}
{{- $mounts := concat (.mounts | default list) $values.extraVolumeMounts }}
{{- $volumes = append $volumes (dict "name" "ledger" "secret" (include "rock-mac.ledgerSecret" $root | fromYaml)) }}
{{- $mounts = append $mounts (dict "name" "ledger" "mountPath" "/etc/rock-mac/ledger" "readOnly" true) }}
{{- $ownerMounts := list }}
{{- if include "rock-mac.hasOwnerUrl" $root }}
{{- $external := $root.Values.postgres.external }}
{{- $items := list (dict "key" $external.migrationUrlKey "path" "url") }}
{{- $volumes = append $volumes (dict "name" "ledger-owner" "secret" (dict "secretName" $external.existingSecret "items" $items "optional" true)) }}
{{- $ownerMounts = list (dict "name" "ledger-owner" "mountPath" "/etc/rock-mac/ledger-owner" "readOnly" true) }}
{{- end }}
{{- if include "rock-mac.hasLedgerCa" $root }}
{{- $ca := $root.Values.postgres.external.ca }}
{{- $items := list (dict "key" $ca.key "path" "ca.crt") }}
{{- $volumes = append $volumes (dict "name" "ledger-ca" "secret" (dict "secretName" $ca.existingSecret "items" $items)) }}
{{- $mounts = append $mounts (dict "name" "ledger-ca" "mountPath" "/etc/rock-mac/ledger-ca" "readOnly" true) }}
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "rock-mac.labels" $root | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  selector:
    matchLabels:
      app.kubernetes.io/component: {{ .name }}
  # Starts a new pod before it stops an old one: at least one webhook must always be ready.
  strategy:
    type: RollingUpdate
    {{- if .hostNetwork }}
    # Two pods on the host network need two nodes, and there may be no free node for a new one.
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 }
    {{- else }}
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
    {{- end }}
  template:
    metadata:
      labels: {{- include "rock-mac.podLabels" (dict "root" $root "name" .name "more" $values.podLabels) | nindent 8 }}
      {{- with merge (dict) (.annotations | default dict) $values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ .name }}
      {{- if .hostNetwork }}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      {{- end }}
      {{- with include "rock-mac.pullSecrets" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with $root.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .grace }}
      terminationGracePeriodSeconds: {{ . }}
      {{- end }}
      securityContext: {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      {{- include "rock-mac.placement" (dict "name" .name "values" $values) | nindent 6 }}
      initContainers:
        # Migrates before the program starts: a program works with a newer schema, but not with an older one. It has the
        # variables and files of the program, and the login of the owner, which the program does not get.
        - name: migrate
          image: {{ include "rock-mac.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [rock-mac.js, migrate, --no-backup]
          env:
            {{- include "rock-mac.ledgerEnvironment" $root | nindent 12 }}
            - name: ROCK_MAC_PREFIXES
              value: {{ join " " $root.Values.prefixes | quote }}
            {{- if include "rock-mac.hasOwnerUrl" $root }}
            - name: ROCK_MAC_MIGRATION_URL_FILE
              value: /etc/rock-mac/ledger-owner/url
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          {{- with concat $mounts $ownerMounts }}
          volumeMounts: {{- toYaml . | nindent 12 }}
          {{- end }}
      containers:
        - name: {{ .program }}
          image: {{ include "rock-mac.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{- toYaml (append $values.nodeArgs (printf "%s.js" .program)) | nindent 12 }}
          env:
            {{- include "rock-mac.ledgerEnvironment" $root | nindent 12 }}
            {{- include "rock-mac.environment" $root | nindent 12 }}
            {{- toYaml .env | nindent 12 }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports: {{- toYaml .ports | nindent 12 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          livenessProbe:
            httpGet: { path: /healthz, port: health }
            periodSeconds: 10
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /readyz, port: health }
            periodSeconds: 2
            failureThreshold: 1
          {{- with $mounts }}
          volumeMounts: {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with $volumes }}
      volumes: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
