# The controller in a cluster of EKS, with its role.

data "aws_region" "current" {}

module "iam" {
  source = "../iam"

  name                    = coalesce(var.role_name, "roadstead-${var.cluster_name}")
  identity                = var.identity
  oidc_provider_arn       = var.oidc_provider_arn
  permissions_boundary    = var.permissions_boundary
  namespace               = var.namespace
  service_account         = var.service_account
  cluster_uid             = var.cluster_uid
  node_security_group_ids = var.node_security_group_ids
  allow_adoption          = var.allow_adoption
  tags                    = var.tags
}

resource "aws_eks_pod_identity_association" "this" {
  count = var.identity == "pod-identity" ? 1 : 0

  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = module.iam.role_arn
  tags            = var.tags
}

locals {
  values = {
    controller = {
      providers      = ["aws"]
      replicas       = var.replicas
      serviceAccount = { name = var.service_account }
    }
    aws = {
      region             = data.aws_region.current.region
      roleArn            = var.identity == "irsa" ? module.iam.role_arn : ""
      vpcId              = var.vpc_id
      clusterName        = var.cluster_name
      defaultTags        = var.tags
      nodeSecurityGroups = var.node_security_group_ids
    }
  }
}

resource "helm_release" "this" {
  name             = var.release_name
  namespace        = var.namespace
  create_namespace = true

  chart      = coalesce(var.chart, "${path.module}/../../../deploy/helm/roadstead")
  repository = var.chart_repository
  version    = var.chart_version
  values     = concat([yamlencode(local.values)], var.values)

  # A failed first install is taken back: pods that never ran hold no load balancer.
  atomic          = true
  cleanup_on_fail = true
  wait            = true
  timeout         = var.timeout

  # A pod that starts before its role is associated has none until it is replaced. On the way down the controller goes
  # first, while it may still call AWS.
  depends_on = [aws_eks_pod_identity_association.this]
}
