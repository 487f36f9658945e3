# Roadstead, with a role that can change what belongs to this cluster and nothing else.

data "kubernetes_namespace_v1" "kube_system" {
  metadata {
    name = "kube-system"
  }

  # There is nobody to ask before the cluster exists.
  depends_on = [aws_eks_cluster.this]
}

module "roadstead" {
  source = "../../modules/eks"

  cluster_name            = aws_eks_cluster.this.name
  vpc_id                  = aws_vpc.this.id
  cluster_uid             = data.kubernetes_namespace_v1.kube_system.metadata[0].uid
  node_security_group_ids = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id]
  tags                    = var.tags

  # Its pods need nodes to run on, and the agent to get their role from; all the way down, too.
  depends_on = [aws_eks_addon.pod_identity, aws_eks_node_group.this]
}
