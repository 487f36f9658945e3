# A web server, and the Service that gives it a Network Load Balancer.

locals {
  sample = { app = "web" }
}

resource "kubernetes_deployment_v1" "web" {
  count = var.sample ? 1 : 0

  metadata {
    name   = "web"
    labels = local.sample
  }

  spec {
    replicas = 2

    selector {
      match_labels = local.sample
    }

    template {
      metadata {
        labels = local.sample
      }

      spec {
        container {
          name  = "nginx"
          image = "nginx:1.28"

          port {
            container_port = 80
          }
        }
      }
    }
  }

  depends_on = [aws_eks_node_group.this]
}

resource "kubernetes_service_v1" "web" {
  count = var.sample ? 1 : 0

  metadata {
    name = "web"

    annotations = {
      "service.beta.kubernetes.io/aws-load-balancer-scheme" = "internet-facing"
    }
  }

  spec {
    type                = "LoadBalancer"
    load_balancer_class = module.roadstead.class
    selector            = local.sample

    port {
      port        = 80
      target_port = 80
    }
  }

  wait_for_load_balancer = true
}
