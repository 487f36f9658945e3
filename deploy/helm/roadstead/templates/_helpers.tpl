{{/* The start of every name; short enough for what is put behind it. */}}
{{- define "roadstead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The labels that select the controller's pods; they can never change. */}}
{{- define "roadstead.controller.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{/* The labels of every object of the controller. */}}
{{- define "roadstead.controller.labels" -}}
{{ include "roadstead.controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "roadstead.controller.name" -}}
{{ include "roadstead.fullname" . }}-controller
{{- end -}}

{{- define "roadstead.controller.serviceAccount" -}}
{{- default (include "roadstead.controller.name" .) .Values.controller.serviceAccount.name -}}
{{- end -}}

{{- define "roadstead.controller.leaseName" -}}
{{- default (include "roadstead.controller.name" .) .Values.controller.leaseName -}}
{{- end -}}

{{/* Whether address pools come from objects: their definition is needed, and rights to them. */}}
{{- define "roadstead.poolObjects" -}}
{{- if and (has "arp" .Values.controller.providers) (not .Values.arp.pools) -}}true{{- end -}}
{{- end -}}

{{/* Whether a provider runs whose load balancers outlive their Services, and which tells nodes apart by their provider ids. */}}
{{- define "roadstead.controller.outlives" -}}
{{- if or (has "aws" .Values.controller.providers) (has "mock" .Values.controller.providers) -}}true{{- end -}}
{{- end -}}

{{/* The port within adminAddress. */}}
{{- define "roadstead.controller.adminPort" -}}
{{- regexFind "[0-9]+$" .Values.controller.adminAddress -}}
{{- end -}}

{{/* A duration as 1h30m, in whole seconds, rounded up. */}}
{{- define "roadstead.seconds" -}}
{{- $milliseconds := 0 -}}
{{- $units := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 -}}
{{- range regexFindAll "[0-9]+(ms|h|m|s)" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $milliseconds = add $milliseconds (mul (trimSuffix $unit . | int64) (get $units $unit)) -}}
{{- end -}}
{{- div (add $milliseconds 999) 1000 -}}
{{- end -}}

{{/* Values that are well-formed one by one, but do not go together. */}}
{{- define "roadstead.controller.validate" -}}
{{- with .Values.controller -}}
{{- if not .providers -}}
{{- fail "controller.providers is empty: name at least one provider, for example --set 'controller.providers={mock}'" -}}
{{- end -}}
{{- if and .defaultProvider (not (has .defaultProvider .providers)) -}}
{{- fail (printf "controller.defaultProvider is %s, which is not among controller.providers" .defaultProvider) -}}
{{- end -}}
{{- if and (not .leaderElect) (gt (int .replicas) 1) -}}
{{- fail "controller.leaderElect is false, so controller.replicas must be 1: two replicas would act at once" -}}
{{- end -}}
{{- if and (not .serviceAccount.create) (not .serviceAccount.name) -}}
{{- fail "controller.serviceAccount.create is false, so controller.serviceAccount.name must name one" -}}
{{- end -}}
{{- if and (has "aws" .providers) (eq $.Values.aws.defaultTargetType "ip") .rbac.create (not .rbac.endpointSlices) -}}
{{- fail "aws.defaultTargetType is ip, so controller.rbac.endpointSlices must be true: pods are found through them" -}}
{{- end -}}
{{- if and $.Values.aws.roleArn (not .serviceAccount.create) -}}
{{- fail "aws.roleArn is an annotation of the ServiceAccount, which controller.serviceAccount.create=false leaves to you: annotate it, and leave aws.roleArn empty" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The controller's command line; every value that stands for a flag is here. */}}
{{- define "roadstead.controller.args" -}}
- controller
- {{ printf "--log=%s" .Values.log | quote }}
- {{ printf "--log-format=%s" .Values.logFormat | quote }}
{{- with .Values.controller }}
{{- range .providers }}
- {{ printf "--provider=%s" . | quote }}
{{- end }}
{{- range .classes }}
- {{ printf "--class=%s" . | quote }}
{{- end }}
{{- with .defaultProvider }}
- {{ printf "--default-provider=%s" . | quote }}
{{- end }}
{{- with .watchNamespace }}
- {{ printf "--watch-namespace=%s" . | quote }}
{{- end }}
- {{ printf "--resync=%s" .resync | quote }}
- {{ printf "--provider-timeout=%s" .providerTimeout | quote }}
- {{ printf "--release-orphans=%t" .releaseOrphans | quote }}
- {{ printf "--orphan-interval=%s" .orphanInterval | quote }}
- {{ printf "--orphan-grace=%s" .orphanGrace | quote }}
- {{ printf "--admin-address=%s" .adminAddress | quote }}
- {{ printf "--shutdown-grace=%s" .shutdownGrace | quote }}
- {{ printf "--leader-elect=%t" .leaderElect | quote }}
{{- if .leaderElect }}
- {{ include "roadstead.controller.leaseName" $ | printf "--lease-name=%s" | quote }}
- {{ printf "--lease-duration=%s" .leaseDuration | quote }}
- {{ printf "--renew-deadline=%s" .renewDeadline | quote }}
- {{ printf "--retry-period=%s" .retryPeriod | quote }}
{{- end }}
{{- end }}
{{- if has "arp" .Values.controller.providers }}
{{- range .Values.arp.pools }}
- {{ printf "--arp-pool=%s" . | quote }}
{{- end }}
- {{ printf "--arp-move-notice=%s" .Values.arp.moveNotice | quote }}
{{- end }}
{{- if has "aws" .Values.controller.providers }}
{{- with .Values.aws }}
{{- with .vpcId }}
- {{ printf "--aws-vpc-id=%s" . | quote }}
{{- end }}
{{- with .clusterName }}
- {{ printf "--aws-cluster-name=%s" . | quote }}
{{- end }}
- {{ printf "--aws-default-scheme=%s" .defaultScheme | quote }}
- {{ printf "--aws-default-target-type=%s" .defaultTargetType | quote }}
- {{ printf "--aws-default-ssl-policy=%s" .defaultSslPolicy | quote }}
{{- range $key, $value := .defaultTags }}
- {{ printf "--aws-default-tag=%s=%s" $key $value | quote }}
{{- end }}
- {{ printf "--aws-manage-backend-rules=%t" .manageBackendRules | quote }}
{{- with .backendSecurityGroup }}
- {{ printf "--aws-backend-security-group=%s" . | quote }}
{{- end }}
{{- range .nodeSecurityGroups }}
- {{ printf "--aws-node-security-group=%s" . | quote }}
{{- end }}
{{- range $key, $value := .nodeSecurityGroupTags }}
- {{ printf "--aws-node-security-group-tag=%s=%s" $key $value | quote }}
{{- end }}
- {{ printf "--aws-node-port-range=%s" .nodePortRange | quote }}
{{- range .limits }}
- {{ printf "--aws-limit=%s" . | quote }}
{{- end }}
- {{ printf "--aws-replacement-grace=%s" .replacementGrace | quote }}
- {{ printf "--aws-health-interval=%s" .healthInterval | quote }}
- {{ printf "--aws-check-interval=%s" .checkInterval | quote }}
- {{ printf "--aws-deep-check-interval=%s" .deepCheckInterval | quote }}
- {{ printf "--aws-adoption-notice=%s" .adoptionNotice | quote }}
{{- range .externalTags }}
- {{ printf "--aws-external-tag=%s" . | quote }}
{{- end }}
{{- range .targetQuotas }}
- {{ printf "--aws-target-quota=%s" . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if has "mock" .Values.controller.providers }}
{{- range .Values.mock.addresses }}
- {{ printf "--mock-addresses=%s" . | quote }}
{{- end }}
- {{ printf "--mock-latency=%s" .Values.mock.latency | quote }}
{{- with .Values.mock.failures }}
- {{ printf "--mock-failures=%s" . | quote }}
{{- end }}
{{- end }}
{{- range .Values.controller.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Whether addresses are announced from the nodes. */}}
{{- define "roadstead.announces" -}}
{{- if and (has "arp" .Values.controller.providers) .Values.announcer.enabled -}}true{{- end -}}
{{- end -}}

{{/* The labels that select the announcer's pods; they can never change. */}}
{{- define "roadstead.announcer.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: announcer
{{- end -}}

{{/* The labels of every object of the announcer. */}}
{{- define "roadstead.announcer.labels" -}}
{{ include "roadstead.announcer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "roadstead.announcer.name" -}}
{{ include "roadstead.fullname" . }}-announcer
{{- end -}}

{{- define "roadstead.announcer.serviceAccount" -}}
{{- default (include "roadstead.announcer.name" .) .Values.announcer.serviceAccount.name -}}
{{- end -}}

{{/* The Secret with the key that announcers sign with. */}}
{{- define "roadstead.announcer.keySecret" -}}
{{- default (printf "%s-key" (include "roadstead.announcer.name" .)) .Values.announcer.keySecret -}}
{{- end -}}

{{/* The announcer's command line; every value that stands for a flag is here. */}}
{{- define "roadstead.announcer.args" -}}
- announce
- {{ printf "--log=%s" .Values.log | quote }}
- {{ printf "--log-format=%s" .Values.logFormat | quote }}
- "--hello-key-file=/etc/roadstead/hello/key"
{{- range .Values.controller.classes }}
- {{ printf "--class=%s" . | quote }}
{{- end }}
{{- with .Values.controller.defaultProvider }}
- {{ printf "--default-provider=%s" . | quote }}
{{- end }}
{{- range .Values.arp.pools }}
- {{ printf "--arp-pool=%s" . | quote }}
{{- end }}
{{- with .Values.announcer }}
- {{ printf "--hello-interval=%s" .helloInterval | quote }}
{{- range .interfaces }}
- {{ printf "--interfaces=%s" . | quote }}
{{- end }}
- {{ printf "--forwarding-check=%s" .forwardingCheck | quote }}
- {{ printf "--heed-exclude-label=%t" .heedExcludeLabel | quote }}
{{- with .rebalance }}
- {{ printf "--rebalance=%s" . | quote }}
{{- end }}
- {{ printf "--admin-address=%s" .adminAddress | quote }}
{{- range .extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}
