variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
  nullable    = false
}

variable "name" {
  description = "Name of the cluster, and of what is around it."
  type        = string
  default     = "roadstead-example"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,40}$", var.name))
    error_message = "The name has up to 41 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "kubernetes_version" {
  description = "Version of the cluster; Roadstead needs 1.33 or newer. Null: EKS's newest."
  type        = string
  default     = null

  validation {
    condition     = var.kubernetes_version == null || can(regex("^1\\.(3[3-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "Roadstead needs Kubernetes 1.33 or newer."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC; every subnet gets 1/16 of them."
  type        = string
  default     = "10.42.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15))
    error_message = "The VPC's addresses are an IPv4 CIDR, as 10.42.0.0/16."
  }
}

variable "zones" {
  description = "In how many availability zones there are subnets."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "EKS wants subnets in at least two zones, and there are addresses for four."
  }
}

variable "instance_type" {
  description = "What nodes are."
  type        = string
  default     = "t3.medium"
  nullable    = false
}

variable "nodes" {
  description = "How many nodes there are."
  type        = number
  default     = 2
  nullable    = false
}

variable "sample" {
  description = "Whether to make a sample web server, and a Service that gives it a load balancer."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that AWS has of this example."
  type        = map(string)
  default     = { example = "roadstead" }
  nullable    = false
}
