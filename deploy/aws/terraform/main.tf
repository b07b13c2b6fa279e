data "aws_partition" "this" {}

locals {
  member = var.hub_role_arn != null
  hub    = length(var.member_account_ids) > 0
}

# The statements of ../iam-policy.json; a test compares them.
data "aws_iam_policy_document" "read" {
  statement {
    sid = "ReadUserPools"
    actions = [
      "cognito-idp:DescribeUserPool",
      "cognito-idp:GetLogDeliveryConfiguration",
      "cognito-idp:GetUserPoolMfaConfig",
      "cognito-idp:ListUserPoolClients",
      "cognito-idp:ListUserPoolReplicas",
      "cognito-idp:ListUserPools",
    ]
    resources = ["*"]
  }
  statement {
    sid = "ReadSenders"
    actions = [
      "ses:GetAccount",
      "ses:GetConfigurationSet",
      "ses:GetEmailIdentity",
      "ses:GetSendStatistics",
      "ses:ListEmailIdentities",
    ]
    resources = ["*"]
  }
  statement {
    sid       = "ReadRegions"
    actions   = ["account:ListRegions"]
    resources = ["*"]
  }
  statement {
    sid = "ReadUsage"
    actions = [
      "cloudtrail:LookupEvents",
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
    ]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "trust" {
  count = local.member ? 1 : 0

  statement {
    sid     = "TrustHub"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [var.hub_role_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

resource "aws_iam_role" "member" {
  count = local.member ? 1 : 0

  name               = var.role_name
  description        = "Read by cognito-ses-exporter"
  assume_role_policy = data.aws_iam_policy_document.trust[0].json
  tags               = var.tags

  lifecycle {
    precondition {
      condition     = var.external_id != null
      error_message = "hub_role_arn needs external_id."
    }
  }
}

resource "aws_iam_role_policy" "read" {
  count = local.member ? 1 : 0

  name   = "read"
  role   = aws_iam_role.member[0].name
  policy = data.aws_iam_policy_document.read.json
}

data "aws_iam_policy_document" "assume" {
  count = local.hub ? 1 : 0

  statement {
    sid     = "AssumeExporterRoles"
    actions = ["sts:AssumeRole"]
    resources = [
      for id in var.member_account_ids : "arn:${data.aws_partition.this.partition}:iam::${id}:role/${var.role_name}"
    ]
  }
}

resource "aws_iam_role_policy" "hub_assume" {
  count = local.hub ? 1 : 0

  name   = "cognito-ses-exporter-assume"
  role   = var.hub_role_name
  policy = data.aws_iam_policy_document.assume[0].json

  lifecycle {
    precondition {
      condition     = var.hub_role_name != null
      error_message = "member_account_ids needs hub_role_name."
    }
  }
}

resource "aws_iam_role_policy" "hub_read" {
  count = local.hub && var.read_hub_account ? 1 : 0

  name   = "cognito-ses-exporter-read"
  role   = var.hub_role_name
  policy = data.aws_iam_policy_document.read.json
}
