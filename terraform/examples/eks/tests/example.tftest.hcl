# Does what stands in the example fit together? The providers are mocked.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }

  mock_resource "aws_vpc" {
    defaults = { id = "vpc-0123456789abcdef0" }
  }

  mock_resource "aws_eks_cluster" {
    defaults = {
      endpoint              = "https://0123ABCD.gr7.eu-central-1.eks.amazonaws.com"
      certificate_authority = [{ data = "Y2VydGlmaWNhdGU=" }]
      vpc_config            = { cluster_security_group_id = "sg-0123456789abcdef0" }
    }
  }
}

mock_provider "helm" {}

mock_provider "kubernetes" {
  mock_data "kubernetes_namespace_v1" {
    defaults = { metadata = { uid = "6f1f0c1c-6e2b-4c38-9a55-0c8f0f5f3d11" } }
  }

  mock_resource "kubernetes_service_v1" {
    defaults = { status = [{ load_balancer = [{ ingress = [{ hostname = "rs-web.elb.eu-central-1.amazonaws.com", ip = "" }] }] }] }
  }
}

run "load_balancers_find_their_subnets_and_their_controller" {
  assert {
    condition = alltrue([
      for subnet in values(aws_subnet.public) :
      subnet.tags["kubernetes.io/role/elb"] == "1" && subnet.tags["kubernetes.io/cluster/${var.name}"] == "shared"
    ])
    error_message = "internet-facing load balancers find no subnets"
  }

  assert {
    condition     = alltrue([for subnet in values(aws_subnet.private) : subnet.tags["kubernetes.io/role/internal-elb"] == "1"])
    error_message = "internal load balancers find no subnets"
  }

  assert {
    condition = length(distinct([
      for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block
    ])) == 2 * var.zones
    error_message = "two subnets have the same addresses"
  }

  assert {
    condition     = one(kubernetes_service_v1.web).spec[0].load_balancer_class == "roadstead.dev/aws"
    error_message = "the sample is not the controller's"
  }

  assert {
    condition     = one(kubernetes_service_v1.web).spec[0].selector == one(kubernetes_deployment_v1.web).spec[0].template[0].metadata[0].labels
    error_message = "the sample's Service has no pods"
  }

  assert {
    condition     = output.sample_url == "http://rs-web.elb.eu-central-1.amazonaws.com/"
    error_message = "nobody is told where the sample answers"
  }
}

run "without_the_sample_nothing_is_served" {
  variables {
    sample = false
  }

  assert {
    condition     = output.sample_url == null && length(kubernetes_service_v1.web) == 0 && length(kubernetes_deployment_v1.web) == 0
    error_message = "the sample is there"
  }
}

run "what_cannot_be_is_said_before_anything_is_made" {
  command = plan

  variables {
    name               = "Example"
    kubernetes_version = "1.29"
    vpc_cidr           = "10.42.0.0"
    zones              = 1
  }

  expect_failures = [var.name, var.kubernetes_version, var.vpc_cidr, var.zones]
}
