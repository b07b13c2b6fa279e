package awssim

import (
	"encoding/json"
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

// ofPool is an operation on the pool that the call names.
func ofPool(handle func(*call, *Pool) (object, error)) func(*call) (object, error) {
	return func(c *call) (object, error) {
		id := c.params.text("UserPoolId")
		switch {
		case id == "":
			return nil, c.invalid("UserPoolId", nil, "not be null")
		case len(id) > 55:
			return nil, c.invalid("UserPoolId", id, "have length less than or equal to 55")
		case !poolID.MatchString(id):
			return nil, c.invalid("UserPoolId", id, `satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`)
		}
		p := c.here().pool(id)
		if p == nil {
			return nil, badRequest("ResourceNotFoundException", "User pool %s does not exist.", id)
		}
		return handle(c, p)
	}
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

// attributes are the standard attributes of a pool.
var attributes = []string{
	"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
	"email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address", "updated_at",
}

func attribute(name string) any {
	kind, constraints, limits := "String", "StringAttributeConstraints", object{"MinLength": "0", "MaxLength": "2048"}
	switch name {
	case "sub":
		limits["MinLength"] = "1"
	case "birthdate":
		limits = object{"MinLength": "10", "MaxLength": "10"}
	case "updated_at":
		kind, constraints, limits = "Number", "NumberAttributeConstraints", object{"MinValue": "0"}
	case "email_verified", "phone_number_verified":
		kind, limits = "Boolean", nil
	}
	o := object{"Name": name, "AttributeDataType": kind, "DeveloperOnlyAttribute": false, "Mutable": name != "sub", "Required": name == "sub"}
	if limits != nil {
		o[constraints] = limits
	}
	return o
}

// newPool is what DescribeUserPool says of every pool that was just created.
var newPool = func() (settings map[string]json.RawMessage) {
	if err := json.Unmarshal([]byte(`{
		"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
		"DeletionProtection": "INACTIVE", "EstimatedNumberOfUsers": 0,
		"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
		"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"}
	}`), &settings); err != nil {
		panic(err) // It is part of the program.
	}
	return settings
}()

func describeUserPool(c *call, p *Pool) (object, error) {
	up := p.described(c)
	for name, value := range p.Settings {
		if up[name] = value; value == nil {
			delete(up, name)
		}
	}
	return object{"UserPool": up}, nil
}

// described is what a new pool has, but for what the fleet says in other keys
// than settings.
func (p *Pool) described(c *call) object {
	email := object{}
	if p.Mode != modeAbsent {
		email["EmailSendingAccount"] = p.Mode
	}
	set(email, "SourceArn", p.SourceARN)
	set(email, "From", p.From)
	set(email, "ReplyToEmailAddress", p.ReplyTo)
	set(email, "ConfigurationSet", p.ConfigurationSet)
	up := object{
		"Id": p.ID, "Name": p.Name, "Arn": c.arn("cognito-idp", "userpool/"+p.ID), "CreationDate": stamp(p.Created), "LastModifiedDate": stamp(p.Modified),
		"EmailConfiguration": email, "LambdaConfig": p.lambdas(c), "UserPoolTier": p.Tier, "SchemaAttributes": list(attributes, attribute),
		"IssuerConfiguration": object{"Type": "ORIGINAL"}, "KeyConfiguration": object{"KeyType": "AWS_OWNED_KEY"},
	}
	for key, value := range newPool {
		up[key] = value
	}
	up["MfaConfiguration"] = p.MFA
	up["Policies"] = object{
		"PasswordPolicy": passwordPolicy(), "SignInPolicy": signInPolicy(p.FirstFactors...),
	}
	if len(p.Recovery) > 0 {
		mechanisms := []any{}
		for i, name := range p.Recovery {
			mechanisms = append(mechanisms, object{"Name": name, "Priority": i + 1})
		}
		up["AccountRecoverySetting"] = object{"RecoveryMechanisms": mechanisms}
	}
	if len(p.AutoVerified) > 0 {
		up["AutoVerifiedAttributes"] = list(p.AutoVerified, text)
	}
	if len(p.Tags) > 0 {
		up["UserPoolTags"] = p.Tags
	}
	if len(c.owner().replicas(p.ID)) > 1 { // Replication demands a multi-Region key.
		up["IssuerConfiguration"] = object{"Type": "UPDATED"}
		up["KeyConfiguration"] = object{"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": c.arn("kms", "key/mrk-00000000000000000000000000000000")}
	}
	return up
}

func passwordPolicy() object {
	return object{
		"MinimumLength": 8, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": true, "TemporaryPasswordValidityDays": 7,
	}
}

func signInPolicy(factors ...string) object {
	return object{"AllowedFirstAuthFactors": list(factors, text)}
}

func listUserPoolClients(c *call, p *Pool) (object, error) {
	return listing[Client]{
		key: "UserPoolClients", items: p.Clients, name: func(cl Client) string { return cl.ID }, min: 1, max: maxPage, fallback: maxPage,
		show: func(cl Client) any { return object{"ClientId": cl.ID, "ClientName": cl.Name, "UserPoolId": p.ID} },
	}.page(c)
}

func listUserPoolReplicas(c *call, p *Pool) (object, error) {
	regions := c.owner().replicas(p.ID)
	if len(regions) < 2 {
		regions = nil
	}
	return object{"UserPoolReplicas": list(regions, func(region string) any {
		there := *c
		there.region = region
		role, status := "PRIMARY", "ACTIVE"
		if replica := c.owner().region(region).pool(p.ID); replica.home() != region {
			role, status = "SECONDARY", replica.ReplicaStatus
		}
		return object{"RegionName": region, "Role": role, "Status": status, "UserPoolArn": there.arn("cognito-idp", "userpool/"+p.ID)}
	})}, nil
}

// getUserPoolMfaConfig answers a second factor by app where there is none by
// e-mail. The template of e-mails is answered without MFA, too: sign-in with
// EMAIL_OTP uses it.
func getUserPoolMfaConfig(_ *call, p *Pool) (object, error) {
	out := object{"MfaConfiguration": p.MFA}
	switch {
	case p.EmailMFA:
		out["EmailMfaConfiguration"] = object{}
	case p.MFA != "OFF":
		out["SoftwareTokenMfaConfiguration"] = object{"Enabled": true}
	}
	return out, nil
}

func describeRiskConfiguration(c *call, p *Pool) (object, error) {
	o := object{"UserPoolId": p.ID}
	if id := c.params.text("ClientId"); id != "" {
		if find(p.Clients, func(cl *Client) bool { return cl.ID == id }) == nil {
			return nil, badRequest("ResourceNotFoundException", "User pool client %s does not exist.", id)
		}
		o["ClientId"] = id
	}
	return object{"RiskConfiguration": o}, nil
}

func getLogDeliveryConfiguration(c *call, p *Pool) (object, error) {
	levels := map[string]string{"userNotification": "ERROR", "userAuthEvents": "INFO"}
	return object{"LogDeliveryConfiguration": object{"UserPoolId": p.ID, "LogConfigurations": list(p.LogDelivery, func(source string) any {
		group := c.arn("logs", "log-group:/aws/vendedlogs/"+p.ID)
		return object{"EventSource": source, "LogLevel": levels[source], "CloudWatchLogsConfiguration": object{"LogGroupArn": group}}
	})}}, nil
}

// replicas returns the regions of the pools with that ID, sorted: one for an
// ordinary pool, and more for one that is replicated.
func (a *Account) replicas(id string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.Regions)), func(region string) bool { return a.Regions[region].pool(id) == nil })
}
