# An address for a machine of any provider. The request key is the same at each plan, so every plan reads the same address.
terraform {
  required_version = ">= 1.4"
  required_providers {
    external = { source = "hashicorp/external", version = "~> 2.3" }
  }
}

variable "name" {
  type        = string
  description = "the id of the device in the ledger"
}

data "external" "mac" {
  program = [
    "rock-mac", "allocate", "-o", "terraform",
    "--pool", "production", "--device", var.name, "--type", "terraform", "--request-key", "terraform/${var.name}",
  ]
}

# A data source is not destroyed, so this releases the address. Let the machine refer to `terraform_data.mac.output`: it is then
# destroyed first, and nobody else gets the address while it still answers.
resource "terraform_data" "mac" {
  input            = data.external.mac.result.mac
  triggers_replace = data.external.mac.result.mac

  provisioner "local-exec" {
    when    = destroy
    command = "rock-mac release ${self.output}"
  }
}

output "mac" {
  value = terraform_data.mac.output
}
