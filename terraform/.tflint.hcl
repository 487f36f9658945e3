# Every rule of the linter's own set.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Which values AWS takes, and what it would refuse only when it is asked. `tflint --init` fetches it; the project's own
# checks build it.
plugin "aws" {
  enabled = true
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
  version = "0.36.0"
}
