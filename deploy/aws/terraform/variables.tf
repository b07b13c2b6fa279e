variable "hub_role_arn" {
  description = "ARN of the role that the exporter runs as. The member role is created if it is given."
  type        = string
  default     = null

  validation {
    condition     = var.hub_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.hub_role_arn))
    error_message = "hub_role_arn must be the ARN of an IAM role."
  }
}

variable "external_id" {
  description = "The external id that the exporter sends: accounts[].external_id or organization.external_id of its configuration. Required with hub_role_arn."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.external_id == null || can(regex("^[A-Za-z0-9_+=,.@:/-]{2,1224}$", var.external_id))
    error_message = "external_id must be 2 to 1224 letters, digits and _+=,.@:/-."
  }
}

variable "role_name" {
  description = "Name of the member role, the same in every account."
  type        = string
  default     = "cognito-ses-exporter"
}

variable "member_account_ids" {
  description = "The accounts whose member role the hub role may assume. If it is empty, those of the organization organization_id."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.member_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "member_account_ids must be account ids of 12 digits."
  }
}

variable "hub_role_name" {
  description = "Name of the existing role that the exporter runs as. The hub policy is attached to it if it is given."
  type        = string
  default     = null
}

variable "read_hub_account" {
  description = "Whether the hub role may read its own account as well; with hub_role_name."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of the roles."
  type        = map(string)
  default     = {}
}

variable "organization_id" {
  description = "The organization that the hub's account and the accounts that are read have to be members of. It becomes a condition of what the module creates."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must be the id of an organization, such as o-exampleorgid."
  }
}

variable "permissions_boundary" {
  description = "Name, with its path, of the account's managed policy that bounds what the roles may do."
  type        = string
  default     = null
}

variable "discovery_role_name" {
  description = "Name of the role that lists the accounts of the organization. It is created if it is given, with hub_role_arn, in the management account or a delegated administrator's."
  type        = string
  default     = null
}

variable "discovery_role_arn" {
  description = "ARN of the role that lists the accounts, organization.role_arn of the configuration. The hub role may assume it if it is given."
  type        = string
  default     = null

  validation {
    condition     = var.discovery_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.discovery_role_arn))
    error_message = "discovery_role_arn must be the ARN of an IAM role."
  }
}
