package awssim

import (
	"slices"
	"strings"
)

// maxPage is the most that Cognito lists at once.
const maxPage = 60

func badToken() *awsError { return badRequest("InvalidParameterException", "Invalid pagination token") }

// maxResults checks a page size that has to be given.
func maxResults(c *call) (int, error) {
	n, ok := c.params.number("MaxResults")
	if !ok {
		return 0, badRequest("InvalidParameterException", "1 validation error detected: Value null at 'maxResults' failed to satisfy constraint: Member must not be null")
	}
	if n < 1 || n > maxPage {
		return 0, badRequest("InvalidParameterException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", n, maxPage)
	}
	return n, nil
}

func listUserPools(c *call) (object, error) {
	size, err := maxResults(c)
	if err != nil {
		return nil, err
	}
	pools, next, ok := page(c, c.here().Pools, size, c.params.text("NextToken"), func(p Pool) string { return p.ID })
	if !ok {
		return nil, badToken()
	}
	out := object{"UserPools": list(pools, func(p Pool) any {
		return object{
			"Id": p.ID, "Name": p.Name, "LambdaConfig": p.lambdas(),
			"CreationDate": p.Created, "LastModifiedDate": p.Modified,
		}
	})}
	set(out, "NextToken", next)
	return out, nil
}

// pool finds the pool that the call names.
func (c *call) pool(id string) (*Pool, error) {
	if !poolID.MatchString(id) {
		return nil, badRequest("InvalidParameterException", "1 validation error detected: Value '%s' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+", id)
	}
	pools := c.here().Pools
	i := slices.IndexFunc(pools, func(p Pool) bool { return p.ID == id })
	if i < 0 {
		return nil, badRequest("ResourceNotFoundException", "User pool %s does not exist.", id)
	}
	return &pools[i], nil
}

func (p *Pool) lambdas() object {
	o := object{}
	if p.CustomSender != "" {
		o["CustomEmailSender"] = object{"LambdaArn": p.CustomSender, "LambdaVersion": "V1_0"}
		region, _, _ := strings.Cut(p.ID, "_")
		o["KMSKeyID"] = "arn:" + partition(region) + ":kms:" + region + ":000000000000:key/00000000-0000-4000-8000-000000000000"
	}
	return o
}

func (p *Pool) arn(account, region string) string {
	return "arn:" + partition(region) + ":cognito-idp:" + region + ":" + account + ":userpool/" + p.ID
}

func describeUserPool(c *call) (object, error) {
	p, err := c.pool(c.params.text("UserPoolId"))
	if err != nil {
		return nil, err
	}
	email := object{"EmailSendingAccount": p.Mode}
	set(email, "SourceArn", p.SourceARN)
	set(email, "From", p.From)
	set(email, "ReplyToEmailAddress", p.ReplyTo)
	set(email, "ConfigurationSet", p.ConfigurationSet)
	up := object{
		"Id": p.ID, "Name": p.Name, "Arn": p.arn(c.account, c.region),
		"CreationDate": p.Created, "LastModifiedDate": p.Modified,
		"EmailConfiguration": email, "LambdaConfig": p.lambdas(),
		"UserPoolTier": p.Tier, "UserPoolTags": anyTags(p.Tags),
		"DeletionProtection": "ACTIVE", "EstimatedNumberOfUsers": 0, "MfaConfiguration": "OFF",
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
		"SchemaAttributes": []any{
			object{
				"Name": "sub", "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": false, "Required": true,
				"StringAttributeConstraints": object{"MinLength": "1", "MaxLength": "2048"},
			},
			object{
				"Name": "email", "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": true, "Required": true,
				"StringAttributeConstraints": object{"MinLength": "0", "MaxLength": "2048"},
			},
		},
		"UsernameAttributes":          []any{"email"},
		"UsernameConfiguration":       object{"CaseSensitive": false},
		"VerificationMessageTemplate": object{"DefaultEmailOption": "CONFIRM_WITH_CODE"},
		"IssuerConfiguration":         object{"IssuerType": "ORIGINAL"},
		"KeyConfiguration":            object{"KeyType": "AWS_OWNED_KEY"},
	}
	if len(p.AutoVerified) > 0 {
		up["AutoVerifiedAttributes"] = list(p.AutoVerified, func(s string) any { return s })
	}
	return object{"UserPool": up}, nil
}

func listUserPoolClients(c *call) (object, error) {
	p, err := c.pool(c.params.text("UserPoolId"))
	if err != nil {
		return nil, err
	}
	size := maxPage
	if _, ok := c.params.number("MaxResults"); ok {
		if size, err = maxResults(c); err != nil {
			return nil, err
		}
	}
	clients, next, ok := page(c, p.Clients, size, c.params.text("NextToken"), func(cl Client) string { return cl.ID })
	if !ok {
		return nil, badToken()
	}
	out := object{"UserPoolClients": list(clients, func(cl Client) any {
		return object{"ClientId": cl.ID, "ClientName": cl.Name, "UserPoolId": p.ID}
	})}
	set(out, "NextToken", next)
	return out, nil
}

func describeUserPoolClient(c *call) (object, error) {
	p, err := c.pool(c.params.text("UserPoolId"))
	if err != nil {
		return nil, err
	}
	id := c.params.text("ClientId")
	for _, cl := range p.Clients {
		if cl.ID == id {
			return object{"UserPoolClient": object{
				"ClientId": cl.ID, "ClientName": cl.Name, "UserPoolId": p.ID,
				"CreationDate": p.Created, "LastModifiedDate": p.Created, "PreventUserExistenceErrors": "ENABLED",
			}}, nil
		}
	}
	return nil, badRequest("ResourceNotFoundException", "User pool client %s does not exist.", id)
}

func getUserPoolMfaConfig(c *call) (object, error) {
	if _, err := c.pool(c.params.text("UserPoolId")); err != nil {
		return nil, err
	}
	return object{"MfaConfiguration": "OFF"}, nil
}

func listTagsForResource(c *call) (object, error) {
	arn := c.params.text("ResourceArn")
	p, err := c.pool(arn[strings.LastIndexByte(arn, '/')+1:])
	if err != nil {
		return nil, err
	}
	return object{"Tags": anyTags(p.Tags)}, nil
}

func describeRiskConfiguration(c *call) (object, error) {
	p, err := c.pool(c.params.text("UserPoolId"))
	if err != nil {
		return nil, err
	}
	return object{"RiskConfiguration": object{"UserPoolId": p.ID}}, nil
}

func getLogDeliveryConfiguration(c *call) (object, error) {
	p, err := c.pool(c.params.text("UserPoolId"))
	if err != nil {
		return nil, err
	}
	return object{"LogDeliveryConfiguration": object{"UserPoolId": p.ID, "LogConfigurations": []any{}}}, nil
}
