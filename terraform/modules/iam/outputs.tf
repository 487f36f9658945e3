output "role_arn" {
  description = "ARN of the role. It is known only once the role may do what it is for."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy_attachment.this]
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}

output "policy_arn" {
  description = "ARN of the policy."
  value       = aws_iam_policy.this.arn
}

output "policy_json" {
  description = "The policy as it is in force, with what the variables narrow."
  value       = aws_iam_policy.this.policy
}
