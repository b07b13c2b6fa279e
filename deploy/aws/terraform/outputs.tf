output "role_arn" {
  description = "For accounts[].role_arn; null without hub_role_arn."
  value       = one(aws_iam_role.member[*].arn)
}

output "member_role_arns" {
  description = "The roles that the hub role may assume, by account."
  value = {
    for id in var.member_account_ids : id => "${local.roles}${id}:role/${var.role_name}"
  }
}

output "discovery_role_arn" {
  description = "For organization.role_arn; null without discovery_role_name."
  value       = one(aws_iam_role.discovery[*].arn)
}

output "read_policy_json" {
  description = "The read policy, for your own role."
  value       = data.aws_iam_policy_document.read.json
}
