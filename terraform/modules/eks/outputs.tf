output "role_arn" {
  description = "ARN of the controller's role."
  value       = module.iam.role_arn
}

output "policy_arn" {
  description = "ARN of the role's policy."
  value       = module.iam.policy_arn
}

output "namespace" {
  description = "Namespace of the controller."
  value       = helm_release.this.namespace
}

output "service_account" {
  description = "Name of the controller's ServiceAccount."
  value       = var.service_account
}

output "class" {
  description = "What a Service says in spec.loadBalancerClass. A Service that refers to this output is deleted before the controller that must release its load balancer."
  value       = "roadstead.dev/aws"
  depends_on  = [helm_release.this]
}
