# The role of the controller: who may become it, and what it may do.

data "aws_partition" "current" {}

locals {
  # The one document, read where it is. A module's source is this repository as a whole, by git as from a registry, so the
  # file is always beside the module; a copy could go stale.
  document = jsondecode(replace(
    file("${path.module}/../../../providers/aws/iam-policy.json"),
    "arn:aws:",
    "arn:${data.aws_partition.current.partition}:",
  ))

  node_security_group_arns = [
    for id in var.node_security_group_ids : "arn:${data.aws_partition.current.partition}:ec2:*:*:security-group/${id}"
  ]

  # "It carries the tag" becomes "its tag has the value": a statement that asks for neither stays as it is.
  conditions = {
    for statement in local.document.Statement : statement.Sid => merge(
      { for operator, keys in statement.Condition : operator => keys if operator != "Null" },
      {
        for operator, keys in {
          StringEquals = merge(
            try(statement.Condition.StringEquals, {}),
            { for key, absent in statement.Condition.Null : key => var.cluster_uid if absent == "false" },
          )
          Null = { for key, absent in statement.Condition.Null : key => absent if absent == "true" }
        } : operator => keys if length(keys) > 0
      },
    ) if var.cluster_uid != null && can(statement.Condition.Null)
  }

  statements = [
    for statement in local.document.Statement : merge(
      statement,
      { for key in ["Condition"] : key => local.conditions[statement.Sid] if contains(keys(local.conditions), statement.Sid) },
      { for key in ["Resource"] : key => local.node_security_group_arns if statement.Sid == "OpenNodes" && length(local.node_security_group_arns) > 0 },
    ) if statement.Sid != "Adopt" || var.allow_adoption
  ]

  # HOST/id/ID, which the claims of a token are named after.
  oidc_issuer = var.oidc_provider_arn == null ? "" : regex("oidc-provider/(.*)$", var.oidc_provider_arn)[0]

  trust = {
    pod-identity = {
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:RequestTag/kubernetes-namespace"       = var.namespace
          "aws:RequestTag/kubernetes-service-account" = var.service_account
        }
      }
    }
    irsa = {
      Principal = { Federated = var.oidc_provider_arn }
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Condition = {
        StringEquals = {
          "${local.oidc_issuer}:aud" = "sts.amazonaws.com"
          "${local.oidc_issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  path                 = var.path
  description          = "Roadstead: load balancers for Services of Kubernetes."
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version   = local.document.Version
    Statement = [merge({ Effect = "Allow" }, local.trust[var.identity])]
  })
}

resource "aws_iam_policy" "this" {
  name        = var.name
  path        = var.path
  description = "What Roadstead's controller calls."
  tags        = var.tags

  policy = jsonencode({
    Version   = local.document.Version
    Statement = local.statements
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.this.arn
}
