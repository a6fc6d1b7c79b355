{{/*
For another chart to include, with this chart as a dependency in `mode: sidecar`:

    initContainers:
      {{- include "offmap.sidecar.container" .Subcharts.offmap | nindent 8 }}
    volumes:
      {{- include "offmap.sidecar.volumes" .Subcharts.offmap | nindent 8 }}

An init container that restarts: it starts before the model server and stops after it. It can never hold the Pod back:
no probe, nothing that must be there (ConfigMap and Secrets are optional), no volume that could fail to mount, and no
limit on the disk, for which Kubernetes would evict the whole Pod. What is wrong shows as `offmap_up 0` with the reason.
*/}}
{{- define "offmap.sidecar.container" -}}
{{- include "offmap.sidecar.checked" . -}}
- name: offmap
  image: {{ include "offmap.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args: [run, --stay-up, --config, /etc/offmap/config/offmap.yaml]
  {{- with include "offmap.env" (dict "root" . "optional" true) }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  ports:
    - name: offmap-metrics
      containerPort: {{ include "offmap.port" . }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- include "offmap.securityContext" . | nindent 4 }}
  volumeMounts:
    {{- include "offmap.volumeMounts" . | nindent 4 }}
{{- end -}}

{{- define "offmap.sidecar.volumes" -}}
{{- include "offmap.sidecar.checked" . -}}
{{ include "offmap.configVolumes" (dict "root" . "optional" true) }}
- name: offmap-state
  emptyDir: {}
{{- end -}}

{{- define "offmap.sidecar.checked" -}}
{{- if ne .Values.mode "sidecar" -}}
{{- fail "the sidecar's templates are for offmap.mode: sidecar; as it is, this chart would run agents of its own too" -}}
{{- end -}}
{{- if has (include "offmap.profileSource" .) (list "persistentVolumeClaim" "image") -}}
{{- fail "a sidecar must not hold its Pod back, and a claim that cannot be mounted or an image that cannot be pulled would: set profile.url and profile.sha256, or name in profile.volume one of the volumes that the Pod has anyway" -}}
{{- end -}}
{{- range $kind := list "requests" "limits" -}}
{{- if hasKey (get $.Values.resources $kind | default dict) "ephemeral-storage" -}}
{{- fail "a sidecar must not hold its Pod back: for ephemeral-storage Kubernetes evicts the whole Pod, or does not place it" -}}
{{- end -}}
{{- end -}}
{{- end -}}
