output "kubeconfig_command" {
  description = "Makes kubectl know the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "sample_url" {
  description = "Where the sample answers, some minutes after its load balancer was made. Null without it."
  value       = one([for service in kubernetes_service_v1.web : "http://${service.status[0].load_balancer[0].ingress[0].hostname}/"])
}

output "role_arn" {
  description = "ARN of the controller's role."
  value       = module.roadstead.role_arn
}
