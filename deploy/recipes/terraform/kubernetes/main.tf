# A claim in a cluster by the provider of Kubernetes. The claim holds the address as long as it exists, so `terraform destroy`
# releases it.
terraform {
  required_providers {
    kubernetes = { source = "hashicorp/kubernetes", version = "~> 2.38" }
  }
}

resource "kubernetes_manifest" "mac" {
  manifest = {
    apiVersion = "mac.rock-os.io/v1alpha1"
    kind       = "MacAllocation"
    metadata   = { name = "web-01", namespace = "default" }
    spec = {
      pool   = "production"
      device = { id = "web-01", type = "terraform" }
    }
  }

  wait {
    condition {
      type   = "Ready"
      status = "True"
    }
  }
}

output "mac" {
  value = kubernetes_manifest.mac.object.status.mac
}
