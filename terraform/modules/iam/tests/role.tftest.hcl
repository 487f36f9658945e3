# Who may become the role, and what may it do then? The providers are mocked: nothing here knows AWS.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

run "by_default_it_is_for_pod_identity_and_adopts_nothing" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Service == "pods.eks.amazonaws.com"
    error_message = "the agent of Pod Identity cannot hand the role out"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "aws:RequestTag/kubernetes-namespace"       = "roadstead-system"
      "aws:RequestTag/kubernetes-service-account" = "roadstead-controller"
    }
    error_message = "other pods may become the role too"
  }

  assert {
    condition = jsondecode(output.policy_json).Statement == [
      for statement in jsondecode(file("../../../providers/aws/iam-policy.json")).Statement : statement if statement.Sid != "Adopt"
    ]
    error_message = "the policy is not the document"
  }
}

run "a_web_identity_is_one_service_account_of_one_cluster" {
  command = plan

  variables {
    identity          = "irsa"
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123ABCD"
    namespace         = "net"
    service_account   = "lb"
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Federated == var.oidc_provider_arn
    error_message = "tokens of the cluster are not taken"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.eks.eu-central-1.amazonaws.com/id/0123ABCD:aud" = "sts.amazonaws.com"
      "oidc.eks.eu-central-1.amazonaws.com/id/0123ABCD:sub" = "system:serviceaccount:net:lb"
    }
    error_message = "other tokens of the cluster are taken too"
  }
}

run "a_web_identity_needs_to_know_whose_tokens_count" {
  command = plan

  variables {
    identity = "irsa"
  }

  expect_failures = [var.oidc_provider_arn]
}

run "narrowed_it_changes_one_cluster_and_its_nodes" {
  command = plan

  variables {
    cluster_uid             = "6f1f0c1c-6e2b-4c38-9a55-0c8f0f5f3d11"
    node_security_group_ids = ["sg-0123", "sg-4567"]
    allow_adoption          = true
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policy_json).Statement :
      statement.Condition.StringEquals["aws:ResourceTag/roadstead.dev/cluster"] == var.cluster_uid
      if contains(["Change", "ChangeSecurityGroups", "CreateListeners"], statement.Sid)
    ])
    error_message = "it may change what belongs to another cluster"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policy_json).Statement :
      statement.Condition.StringEquals["aws:RequestTag/roadstead.dev/cluster"] == var.cluster_uid
      if contains(["Create", "CreateListeners", "CreateSecurityGroups", "TagOnCreate", "TagSecurityGroupsOnCreate", "Adopt"], statement.Sid)
    ])
    error_message = "it may make what another cluster would take for its own"
  }

  assert {
    condition = one([
      for statement in jsondecode(output.policy_json).Statement : statement.Condition.StringEquals if statement.Sid == "TagOnCreate"
      ]) == {
      "aws:RequestTag/roadstead.dev/cluster" = var.cluster_uid
      "elasticloadbalancing:CreateAction"    = ["CreateListener", "CreateLoadBalancer", "CreateTargetGroup"]
    }
    error_message = "narrowing lost a condition"
  }

  assert {
    condition = one([
      for statement in jsondecode(output.policy_json).Statement : statement.Condition.Null if statement.Sid == "Adopt"
    ]) == { "aws:ResourceTag/roadstead.dev/cluster" = "true" }
    error_message = "it may adopt what belongs to somebody"
  }

  assert {
    condition = one([
      for statement in jsondecode(output.policy_json).Statement : statement.Resource if statement.Sid == "OpenNodes"
    ]) == ["arn:aws:ec2:*:*:security-group/sg-0123", "arn:aws:ec2:*:*:security-group/sg-4567"]
    error_message = "it may open other groups than the nodes'"
  }

  assert {
    condition     = length(jsondecode(output.policy_json).Statement) == length(jsondecode(file("../../../providers/aws/iam-policy.json")).Statement)
    error_message = "a statement was lost"
  }

  assert {
    condition     = length(output.policy_json) <= 6144
    error_message = "IAM takes no managed policy as long as this"
  }
}

run "elsewhere_arns_begin_differently" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn" }
  }

  variables {
    node_security_group_ids = ["sg-0123"]
  }

  assert {
    condition     = !strcontains(output.policy_json, "arn:aws:") && strcontains(output.policy_json, "arn:aws-cn:ec2:*:*:security-group/sg-0123")
    error_message = "an ARN is of another partition"
  }
}

run "what_cannot_be_is_said_before_anything_is_made" {
  command = plan

  variables {
    name                    = "road stead"
    path                    = "platform"
    identity                = "kube2iam"
    node_security_group_ids = ["nodes"]
  }

  expect_failures = [var.name, var.path, var.identity, var.node_security_group_ids]
}
