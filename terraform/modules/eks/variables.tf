variable "cluster_name" {
  description = "Name of the EKS cluster. Also what subnets and security groups are tagged with: kubernetes.io/cluster/NAME."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$", var.cluster_name))
    error_message = "A cluster's name has up to 100 letters, digits, hyphens and underscores."
  }
}

variable "vpc_id" {
  description = "VPC of the nodes."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "A VPC's id is like vpc-0123456789abcdef0."
  }
}

variable "identity" {
  description = "How the controller's pods become their role: pod-identity (needs the add-on eks-pod-identity-agent) or irsa (needs oidc_provider_arn)."
  type        = string
  default     = "pod-identity"
  nullable    = false

  validation {
    condition     = contains(["pod-identity", "irsa"], var.identity)
    error_message = "Pods become a role by pod-identity or by irsa."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the IAM OIDC provider of the cluster; for irsa."
  type        = string
  default     = null

  validation {
    condition     = var.identity != "irsa" || var.oidc_provider_arn != null
    error_message = "With identity = \"irsa\" the cluster's OIDC provider must be named: oidc_provider_arn."
  }
}

variable "role_name" {
  description = "Name of the role and of its policy; unique in the account. Null: roadstead- and the cluster's name."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of a policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "cluster_uid" {
  description = "The uid of the cluster's namespace kube-system: the role can then change what belongs to this cluster and nothing else. Null: what belongs to any cluster with a Roadstead."
  type        = string
  default     = null
}

variable "node_security_group_ids" {
  description = "The nodes' security groups, which are to admit load balancers; the role can then change no others than these and its own. Empty: they are found on the nodes."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "allow_adoption" {
  description = "Whether roadstead.dev/adopt may take over load balancers that exist. Whoever may annotate a Service can then take any Network Load Balancer of the account that no Roadstead holds."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of the role, its policy and everything that the controller makes."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.tags : !strcontains("${key}${value}", ",")])
    error_message = "The controller takes tags as a list with commas: neither key nor value may have one."
  }
}

variable "release_name" {
  description = "Name of the Helm release."
  type        = string
  default     = "roadstead"
  nullable    = false
}

variable "namespace" {
  description = "Namespace of the controller; it is made if it does not exist."
  type        = string
  default     = "roadstead-system"
  nullable    = false
}

variable "service_account" {
  description = "Name of the controller's ServiceAccount."
  type        = string
  default     = "roadstead-controller"
  nullable    = false
}

variable "chart" {
  description = "The chart: a folder, an archive, or its name in chart_repository. Null: the one that belongs to this module."
  type        = string
  default     = null
}

variable "chart_repository" {
  description = "Where a chart that is only a name comes from. Null: nowhere."
  type        = string
  default     = null
}

variable "chart_version" {
  description = "The version of a chart from chart_repository. Null: the newest."
  type        = string
  default     = null
}

variable "replicas" {
  description = "How many controllers run; one acts, the others stand by."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.replicas >= 1 && floor(var.replicas) == var.replicas
    error_message = "At least one controller must run."
  }
}

variable "values" {
  description = "More values of the chart, as YAML documents; the last one wins. deploy/README.md lists them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "timeout" {
  description = "How long Helm waits for the controller to be ready, in seconds."
  type        = number
  default     = 300
  nullable    = false
}
