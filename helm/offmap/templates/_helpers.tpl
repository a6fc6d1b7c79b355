{{/* A parent chart that has this one twice gives each an alias, which is then the chart's name. */}}
{{- define "offmap.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of everything this release makes. Short enough for a StatefulSet, whose Pods carry it and a hash in a label;
     without the dots that a release may have and a Service may not. */}}
{{- define "offmap.fullname" -}}
{{- $name := include "offmap.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "offmap.selectorLabels" -}}
app.kubernetes.io/name: {{ include "offmap.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of Pods: a new chart alone, with nothing new for them, does not replace them. */}}
{{- define "offmap.podLabels" -}}
{{ include "offmap.selectorLabels" . }}
app.kubernetes.io/part-of: offmap
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "offmap.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "offmap.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: offmap
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "offmap.image" -}}
{{- with .Values.image -}}
{{- $_ := required "image.repository is missing: where you pushed the agent's image, such as registry.example/offmap" .repository -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A section of the configuration, as JSON; empty where there is none. */}}
{{- define "offmap.section" -}}
{{- $found := get ((first .).Values.config | default dict) (last .) -}}
{{- ternary $found dict (kindIs "map" $found) | toJson -}}
{{- end -}}

{{/* A list of the configuration, which may be a text with commas, as JSON. */}}
{{- define "offmap.list" -}}
{{- ternary (splitList "," (toString .)) . (kindIs "string" .) | default list | toJson -}}
{{- end -}}

{{- define "offmap.port" -}}
{{- (include "offmap.section" (list . "server") | fromJson).port | default 9469 | int -}}
{{- end -}}

{{/* The port of an address, as http has it where it names none. */}}
{{- define "offmap.portOf" -}}
{{- $url := urlParse (trim .) -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{/* What stands in the configuration and must not: secrets, for a ConfigMap is no place for them, and what the chart's own
     values say. */}}
{{- define "offmap.config.checked" -}}
{{- range $place, $instead := dict
      "kafka.sasl_password" "name its Secret in kafka.credentials"
      "schema_registry.password" "set OFFMAP_SCHEMA_REGISTRY__PASSWORD in env, valueFrom a Secret"
      "schema_registry.token" "set OFFMAP_SCHEMA_REGISTRY__TOKEN in env, valueFrom a Secret" -}}
{{- $parts := splitList "." $place -}}
{{- if hasKey (include "offmap.section" (list $ (first $parts)) | fromJson) (last $parts) -}}
{{- fail (printf "config.%s is a secret, and would lie in a ConfigMap: %s" $place $instead) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "path" "url" "sha256" -}}
{{- if hasKey (include "offmap.section" (list $ "profile") | fromJson) $key -}}
{{- fail (printf "config.profile.%s: the chart writes that; say where the profile comes from in profile" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Which one way the profile comes: url, persistentVolumeClaim, image, volume; or none, where the config has a path. */}}
{{- define "offmap.profileSource" -}}
{{- $given := list -}}
{{- with .Values.profile -}}
{{- if or .url .urlSecret.name }}{{ $given = append $given "url" }}{{ end -}}
{{- if .persistentVolumeClaim.claimName }}{{ $given = append $given "persistentVolumeClaim" }}{{ end -}}
{{- if .image.reference }}{{ $given = append $given "image" }}{{ end -}}
{{- if .volume.name }}{{ $given = append $given "volume" }}{{ end -}}
{{- if and .url .urlSecret.name }}{{ fail "profile.url and profile.urlSecret.name are both set: remove one" }}{{ end -}}
{{- if and (has "url" $given) (not .sha256) }}{{ fail "profile.sha256 is missing: the SHA-256 of the file at profile.url (sha256sum shop.offmap)" }}{{ end -}}
{{- end -}}
{{- if ne (len $given) 1 -}}
{{- fail (printf "set exactly one of profile.url (or profile.urlSecret), profile.persistentVolumeClaim, profile.image, profile.volume; set are: %s" (join ", " $given | default "none")) -}}
{{- end -}}
{{- first $given -}}
{{- end -}}

{{- define "offmap.profilePath" -}}
{{- $source := include "offmap.profileSource" . -}}
{{- with .Values.profile -}}
{{- if eq $source "url" -}}
/var/lib/offmap/profile/profile.offmap
{{- else if eq $source "image" -}}
{{ ternary (printf "/profile/%s" (trimPrefix "/" .image.path)) "/profile/profile.offmap" (eq .image.mount "volume") }}
{{- else -}}
/profile/{{ trimPrefix "/" (get (get . $source) "path") }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The configuration: the user's block, which wins, over what follows from the chart's other values. Each release is a
     consumer group: two of one name would take each other's messages away, unseen. */}}
{{- define "offmap.config" -}}
{{- include "offmap.config.checked" . -}}
{{- $profile := dict "path" (include "offmap.profilePath" .) -}}
{{- if eq (include "offmap.profileSource" .) "url" -}}
{{- $_ := set $profile "sha256" .Values.profile.sha256 -}}
{{- with .Values.profile.url }}{{ $_ := set $profile "url" . }}{{ end -}}
{{- end -}}
{{- $kafka := dict "group_id" (printf "offmap.%s.%s" .Release.Namespace (include "offmap.fullname" .)) -}}
{{- if .Values.kafka.tls.secretName -}}
{{- $_ := set $kafka "ssl_cafile" "/etc/offmap/kafka-tls/ca.crt" -}}
{{- if .Values.kafka.tls.clientCertificate -}}
{{- $_ := set $kafka "ssl_certfile" "/etc/offmap/kafka-tls/tls.crt" -}}
{{- $_ := set $kafka "ssl_keyfile" "/etc/offmap/kafka-tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- $ours := dict "profile" $profile "kafka" $kafka "checkpoint" (dict "path" "/var/lib/offmap/state") -}}
{{- merge (deepCopy (.Values.config | default dict)) $ours | toPrettyJson -}}
{{- end -}}

{{- define "offmap.configMapName" -}}
{{ include "offmap.fullname" . }}-config
{{- end -}}

{{/* Pod Security "restricted", and a root file system that nothing is written to. */}}
{{- define "offmap.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Secrets come as environment variables. `optional` (the sidecar): a Secret that is missing must not hold the Pod back. */}}
{{- define "offmap.env" -}}
{{- $root := .root -}}
{{- $optional := .optional -}}
{{- $secrets := list -}}
{{- with $root.Values.kafka.credentials -}}
{{- if .secretName -}}
{{- $secrets = append $secrets (list "OFFMAP_KAFKA__SASL_USERNAME" .secretName .usernameKey) -}}
{{- $secrets = append $secrets (list "OFFMAP_KAFKA__SASL_PASSWORD" .secretName .passwordKey) -}}
{{- end -}}
{{- end -}}
{{- with $root.Values.profile.urlSecret -}}
{{- if .name }}{{ $secrets = append $secrets (list "OFFMAP_PROFILE__URL" .name .key) }}{{ end -}}
{{- end -}}
{{- $env := list -}}
{{- range $secrets -}}
{{- $ref := dict "name" (index . 1) "key" (index . 2) "optional" $optional -}}
{{- $env = append $env (dict "name" (index . 0) "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- range $given := $root.Values.env -}}
{{- $given = deepCopy $given -}}
{{- range $kind, $from := $given.valueFrom | default dict -}}
{{- if and $optional (has $kind (list "secretKeyRef" "configMapKeyRef")) }}{{ $_ := set $from "optional" true }}{{ end -}}
{{- end -}}
{{- $env = append $env $given -}}
{{- end -}}
{{- with $env }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "offmap.volumeMounts" -}}
- name: offmap-config
  mountPath: /etc/offmap/config
  readOnly: true
- name: offmap-state
  mountPath: /var/lib/offmap
{{- if .Values.kafka.tls.secretName }}
- name: offmap-kafka-tls
  mountPath: /etc/offmap/kafka-tls
  readOnly: true
{{- end }}
{{- $source := include "offmap.profileSource" . }}
{{- if eq $source "volume" }}
- name: {{ .Values.profile.volume.name }}
  mountPath: /profile
  readOnly: true
{{- else if ne $source "url" }}
- name: offmap-profile
  mountPath: /profile
  readOnly: true
{{- end }}
{{- end -}}

{{/* The ConfigMap is mounted as a folder, never by subPath: a change must reach a running agent. */}}
{{- define "offmap.configVolumes" -}}
{{- $root := .root -}}
- name: offmap-config
  configMap:
    name: {{ include "offmap.configMapName" $root }}
    optional: {{ .optional }}
{{- with $root.Values.kafka.tls }}
{{- if .secretName }}
- name: offmap-kafka-tls
  secret:
    secretName: {{ .secretName }}
    optional: {{ $.optional }}
    items:
      - key: {{ .caKey }}
        path: ca.crt
      {{- if .clientCertificate }}
      - key: {{ .certificateKey }}
        path: tls.crt
      - key: {{ .privateKey }}
        path: tls.key
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "offmap.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "offmap.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}
