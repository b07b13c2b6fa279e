package awssim

import (
	"maps"
	"slices"
)

// maxPage is the most that Cognito lists at once.
const maxPage = 60

func listUserPools(c *call) (object, error) {
	return listing[Pool]{
		key: "UserPools", items: c.here().Pools, name: func(p Pool) string { return p.ID }, min: 1, max: maxPage,
		show: func(p Pool) any {
			o := object{
				"Id": p.ID, "Name": p.Name, "LambdaConfig": p.lambdas(c),
				"CreationDate": stamp(p.Created), "LastModifiedDate": stamp(p.Modified),
			}
			if regions := c.owner().replicas(p.ID); len(regions) > 1 {
				o["ReplicaRegions"] = list(regions, text)
			}
			return o
		},
	}.page(c)
}

// pool finds the pool that the call names.
func (c *call) pool() (*Pool, error) {
	id := c.params.text("UserPoolId")
	switch {
	case id == "":
		return nil, c.invalid("UserPoolId", nil, "not be null")
	case len(id) > 55:
		return nil, c.invalid("UserPoolId", id, "have length less than or equal to 55")
	case !poolID.MatchString(id):
		return nil, c.invalid("UserPoolId", id, `satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`)
	}
	if p := c.here().pool(id); p != nil {
		return p, nil
	}
	return nil, badRequest("ResourceNotFoundException", "User pool %s does not exist.", id)
}

func (p *Pool) lambdas(c *call) object {
	o := object{}
	if p.CustomSender != "" {
		o["CustomEmailSender"] = object{"LambdaArn": p.CustomSender, "LambdaVersion": "V1_0"}
		o["KMSKeyID"] = c.arn("kms", "key/00000000-0000-4000-8000-000000000000")
	}
	return o
}

// arn names something in the call's account and region.
func (c *call) arn(service, what string) string {
	return "arn:" + partition(c.region) + ":" + service + ":" + c.region + ":" + c.account + ":" + what
}

// attributes are the standard attributes of a pool that are strings of up to
// 2048 characters.
var attributes = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
	"email", "gender", "zoneinfo", "locale", "phone_number", "address",
}

// schema is the standard schema of a pool.
func schema() []any {
	attribute := func(name, kind, constraints string, limits object) object {
		o := object{
			"Name": name, "AttributeDataType": kind, "DeveloperOnlyAttribute": false, "Mutable": name != "sub", "Required": name == "sub",
		}
		if limits != nil {
			o[constraints] = limits
		}
		return o
	}
	const inString = "StringAttributeConstraints"
	all := []any{attribute("sub", "String", inString, object{"MinLength": "1", "MaxLength": "2048"})}
	for _, name := range attributes {
		all = append(all, attribute(name, "String", inString, object{"MinLength": "0", "MaxLength": "2048"}))
	}
	return append(all,
		attribute("birthdate", "String", inString, object{"MinLength": "10", "MaxLength": "10"}),
		attribute("email_verified", "Boolean", "", nil), attribute("phone_number_verified", "Boolean", "", nil),
		attribute("updated_at", "Number", "NumberAttributeConstraints", object{"MinValue": "0"}))
}

// describeUserPool answers what a new pool has, but for what the fleet says.
func describeUserPool(c *call) (object, error) {
	p, err := c.pool()
	if err != nil {
		return nil, err
	}
	email := object{}
	if p.Mode != modeAbsent {
		email["EmailSendingAccount"] = p.Mode
	}
	set(email, "SourceArn", p.SourceARN)
	set(email, "From", p.From)
	set(email, "ReplyToEmailAddress", p.ReplyTo)
	set(email, "ConfigurationSet", p.ConfigurationSet)
	up := object{
		"Id": p.ID, "Name": p.Name, "Arn": c.arn("cognito-idp", "userpool/"+p.ID),
		"CreationDate": stamp(p.Created), "LastModifiedDate": stamp(p.Modified),
		"EmailConfiguration": email, "LambdaConfig": p.lambdas(c), "UserPoolTier": p.Tier,
		"DeletionProtection": "INACTIVE", "EstimatedNumberOfUsers": 0, "MfaConfiguration": "OFF",
		"AccountRecoverySetting": object{"RecoveryMechanisms": []any{
			object{"Name": "verified_email", "Priority": 1}, object{"Name": "verified_phone_number", "Priority": 2},
		}},
		"AdminCreateUserConfig": object{"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
		"Policies": object{
			"PasswordPolicy": object{
				"MinimumLength": 8, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true,
				"RequireUppercase": true, "TemporaryPasswordValidityDays": 7,
			},
			"SignInPolicy": object{"AllowedFirstAuthFactors": []any{"PASSWORD"}},
		},
		"SchemaAttributes":            schema(),
		"UserAttributeUpdateSettings": object{"AttributesRequireVerificationBeforeUpdate": []any{}},
		"VerificationMessageTemplate": object{"DefaultEmailOption": "CONFIRM_WITH_CODE"},
		"IssuerConfiguration":         object{"Type": "ORIGINAL"},
		"KeyConfiguration":            object{"KeyType": "AWS_OWNED_KEY"},
	}
	if len(p.AutoVerified) > 0 {
		up["AutoVerifiedAttributes"] = list(p.AutoVerified, text)
	}
	if len(p.Tags) > 0 {
		tags := object{}
		for key, value := range p.Tags {
			tags[key] = value
		}
		up["UserPoolTags"] = tags
	}
	if len(c.owner().replicas(p.ID)) > 1 { // Replication demands a multi-Region key.
		up["IssuerConfiguration"] = object{"Type": "UPDATED"}
		up["KeyConfiguration"] = object{"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": c.arn("kms", "key/mrk-00000000000000000000000000000000")}
	}
	return object{"UserPool": up}, nil
}

func listUserPoolClients(c *call) (object, error) {
	p, err := c.pool()
	if err != nil {
		return nil, err
	}
	return listing[Client]{
		key: "UserPoolClients", items: p.Clients, name: func(cl Client) string { return cl.ID }, min: 1, max: maxPage, fallback: maxPage,
		show: func(cl Client) any { return object{"ClientId": cl.ID, "ClientName": cl.Name, "UserPoolId": p.ID} },
	}.page(c)
}

func getUserPoolMfaConfig(c *call) (object, error) {
	_, err := c.pool()
	return object{"MfaConfiguration": "OFF"}, err
}

func describeRiskConfiguration(c *call) (object, error) {
	p, err := c.pool()
	if err != nil {
		return nil, err
	}
	o := object{"UserPoolId": p.ID}
	if id := c.params.text("ClientId"); id != "" {
		if !slices.ContainsFunc(p.Clients, func(cl Client) bool { return cl.ID == id }) {
			return nil, badRequest("ResourceNotFoundException", "User pool client %s does not exist.", id)
		}
		o["ClientId"] = id
	}
	return object{"RiskConfiguration": o}, nil
}

func getLogDeliveryConfiguration(c *call) (object, error) {
	p, err := c.pool()
	if err != nil {
		return nil, err
	}
	return object{"LogDeliveryConfiguration": object{"UserPoolId": p.ID, "LogConfigurations": []any{}}}, nil
}

// replicas returns the regions of the pools with that ID, sorted: one for an
// ordinary pool, and more for one that is replicated.
func (a *Account) replicas(id string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.Regions)), func(region string) bool { return a.Regions[region].pool(id) == nil })
}
