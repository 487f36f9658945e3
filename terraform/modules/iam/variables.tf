variable "name" {
  description = "Name of the role and of its policy; unique in the account."
  type        = string
  default     = "roadstead"

  validation {
    condition     = can(regex("^[0-9A-Za-z+=,.@_-]{1,64}$", var.name))
    error_message = "A role's name has 1 to 64 letters, digits or characters of +=,.@_-."
  }
}

variable "path" {
  description = "Path of the role and of its policy."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.path))
    error_message = "A path begins and ends with a slash, as in /platform/."
  }
}

variable "permissions_boundary" {
  description = "ARN of a policy that bounds the role. Null: none."
  type        = string
  default     = null
}

variable "identity" {
  description = "How pods become the role: pod-identity (the agent of EKS Pod Identity) or irsa (the cluster's OIDC provider)."
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
    condition     = var.identity != "irsa" || can(regex("^arn:[^:]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "With identity = \"irsa\", oidc_provider_arn must be the ARN of an IAM OIDC provider, arn:aws:iam::ACCOUNT:oidc-provider/HOST/id/ID."
  }
}

variable "namespace" {
  description = "Namespace of the ServiceAccount that may become the role."
  type        = string
  default     = "roadstead-system"
  nullable    = false
}

variable "service_account" {
  description = "Name of the ServiceAccount that may become the role."
  type        = string
  default     = "roadstead-controller"
  nullable    = false
}

variable "cluster_uid" {
  description = "The uid of the cluster's namespace kube-system: the role can then change what belongs to this cluster and nothing else. Null: what belongs to any cluster with a Roadstead."
  type        = string
  default     = null
}

variable "node_security_group_ids" {
  description = "The nodes' security groups: the role can then change the rules of these and of its own groups only. Empty: of any group, as the nodes' groups are not known here and carry no tag of Roadstead's."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.node_security_group_ids : can(regex("^sg-[0-9a-z]+$", id))])
    error_message = "A security group's id is like sg-0123456789abcdef0."
  }
}

variable "allow_adoption" {
  description = "Whether roadstead.dev/adopt may take over load balancers that exist. Whoever may annotate a Service can then take any Network Load Balancer of the account that no Roadstead holds."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of the role and of its policy."
  type        = map(string)
  default     = {}
  nullable    = false
}
