data "aws_partition" "this" {}

data "aws_caller_identity" "this" {}

locals {
  member    = var.hub_role_arn != null
  discovery = local.member && var.discovery_role_name != null
  hub       = var.hub_role_name != null || length(var.member_account_ids) > 0

  # Every account of the organization, unless they are listed.
  member_account_ids = length(var.member_account_ids) > 0 ? var.member_account_ids : ["*"]

  roles    = "arn:${data.aws_partition.this.partition}:iam::"
  boundary = var.permissions_boundary == null ? null : "${local.roles}${data.aws_caller_identity.this.account_id}:policy/${var.permissions_boundary}"
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
    dynamic "condition" {
      for_each = var.organization_id[*]
      content {
        test     = "StringEquals"
        variable = "aws:PrincipalOrgID"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "member" {
  count = local.member ? 1 : 0

  name                 = var.role_name
  description          = "Read by cognito-ses-exporter"
  assume_role_policy   = data.aws_iam_policy_document.trust[0].json
  permissions_boundary = local.boundary
  tags                 = var.tags

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

# The statement of ../discovery-policy.json; a test compares them.
data "aws_iam_policy_document" "list" {
  statement {
    sid = "ListAccounts"
    actions = [
      "organizations:ListAccounts",
      "organizations:ListAccountsForParent",
      "organizations:ListOrganizationalUnitsForParent",
      "organizations:ListParents",
      "organizations:ListRoots",
      "organizations:ListTagsForResource",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "discovery" {
  count = local.discovery ? 1 : 0

  name                 = var.discovery_role_name
  description          = "Lists the organization's accounts for cognito-ses-exporter"
  assume_role_policy   = data.aws_iam_policy_document.trust[0].json
  permissions_boundary = local.boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "list" {
  count = local.discovery ? 1 : 0

  name   = "list"
  role   = aws_iam_role.discovery[0].name
  policy = data.aws_iam_policy_document.list.json
}

data "aws_iam_policy_document" "assume" {
  count = local.hub ? 1 : 0

  statement {
    sid     = "AssumeExporterRoles"
    actions = ["sts:AssumeRole"]
    resources = concat(
      [for id in local.member_account_ids : "${local.roles}${id}:role/${var.role_name}"],
      var.discovery_role_arn[*],
    )
    dynamic "condition" {
      for_each = var.organization_id[*]
      content {
        test     = "StringEquals"
        variable = "aws:ResourceOrgID"
        values   = [condition.value]
      }
    }
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
    precondition {
      condition     = length(var.member_account_ids) > 0 || var.organization_id != null
      error_message = "hub_role_name needs member_account_ids or organization_id."
    }
  }
}

resource "aws_iam_role_policy" "hub_read" {
  count = local.hub && var.read_hub_account ? 1 : 0

  name   = "cognito-ses-exporter-read"
  role   = var.hub_role_name
  policy = data.aws_iam_policy_document.read.json
}
