# What does the chart hear from Terraform? The providers are mocked.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/roadstead-harbour" }
  }
}

mock_provider "helm" {}

variables {
  cluster_name = "harbour"
  vpc_id       = "vpc-0123456789abcdef0"
}

run "by_default_the_role_comes_from_pod_identity" {
  assert {
    condition     = one(aws_eks_pod_identity_association.this).role_arn == "arn:aws:iam::123456789012:role/roadstead-harbour"
    error_message = "the ServiceAccount has no role"
  }

  assert {
    condition     = one(aws_eks_pod_identity_association.this).namespace == helm_release.this.namespace
    error_message = "the role is for another namespace"
  }

  assert {
    condition = yamldecode(helm_release.this.values[0]) == {
      controller = { providers = ["aws"], replicas = 2, serviceAccount = { name = "roadstead-controller" } }
      aws = {
        region             = "eu-central-1"
        roleArn            = ""
        vpcId              = "vpc-0123456789abcdef0"
        clusterName        = "harbour"
        defaultTags        = {}
        nodeSecurityGroups = []
      }
    }
    error_message = "the chart is told something else"
  }

  assert {
    condition     = fileexists("${helm_release.this.chart}/Chart.yaml")
    error_message = "there is no chart where the module looks for it"
  }
}

run "a_web_identity_is_an_annotation" {
  variables {
    identity          = "irsa"
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123ABCD"
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.this) == 0
    error_message = "the role comes from two places"
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).aws.roleArn == "arn:aws:iam::123456789012:role/roadstead-harbour"
    error_message = "the ServiceAccount has no role"
  }
}

run "every_value_of_the_chart_can_be_said" {
  variables {
    node_security_group_ids = ["sg-0123"]
    tags                    = { team = "platform" }
    replicas                = 3
    values                  = ["controller: {resync: 5m}", "controller: {classes: [service.k8s.aws/nlb=aws]}"]
  }

  assert {
    condition     = length(helm_release.this.values) == 3 && yamldecode(helm_release.this.values[0]).aws.nodeSecurityGroups == ["sg-0123"]
    error_message = "the module's values do not come first"
  }
}

run "what_cannot_be_is_said_before_anything_is_made" {
  command = plan

  variables {
    cluster_name = "my harbour"
    vpc_id       = "10.0.0.0/16"
    identity     = "kube2iam"
    tags         = { owners = "a,b" }
    replicas     = 0
  }

  expect_failures = [var.cluster_name, var.vpc_id, var.identity, var.tags, var.replicas]
}
