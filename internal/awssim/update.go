package awssim

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// resets are the settings of a user pool, with what UpdateUserPool makes of
// those that it is not given; nil removes one. Tags stay.
func resets() object {
	return object{
		"AccountRecoverySetting": nil, "AutoVerifiedAttributes": nil, "DeviceConfiguration": nil, "EmailVerificationMessage": nil,
		"EmailVerificationSubject": nil, "SmsAuthenticationMessage": nil, "SmsConfiguration": nil, "SmsVerificationMessage": nil, "UserPoolAddOns": nil,
		"AdminCreateUserConfig":       object{"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
		"DeletionProtection":          "INACTIVE",
		"EmailConfiguration":          object{"EmailSendingAccount": "COGNITO_DEFAULT"},
		"IssuerConfiguration":         object{"Type": "ORIGINAL"},
		"KeyConfiguration":            object{"KeyType": "AWS_OWNED_KEY"},
		"LambdaConfig":                object{},
		"MfaConfiguration":            "OFF",
		"Policies":                    object{"PasswordPolicy": passwordPolicy(), "SignInPolicy": signInPolicy("PASSWORD")},
		"UserAttributeUpdateSettings": object{"AttributesRequireVerificationBeforeUpdate": []any{}},
		"UserPoolTier":                "ESSENTIALS",
		"VerificationMessageTemplate": object{"DefaultEmailOption": "CONFIRM_WITH_CODE"},
	}
}

// describedOnly are fields of a description that UpdateUserPool does not have.
// AWS ignores what an operation does not have.
var describedOnly = []string{
	"AliasAttributes", "Arn", "CreationDate", "CustomDomain", "Domain", "EmailConfigurationFailure", "EstimatedNumberOfUsers", "Id",
	"LastModifiedDate", "Name", "SchemaAttributes", "SmsConfigurationFailure", "Status", "UsernameAttributes", "UsernameConfiguration",
}

// regional are the settings that each region of a replicated pool has of its own.
var regional = []string{"EmailConfiguration", "LambdaConfig", "SmsConfiguration", "UserPoolTags"}

// replicated returns the settings of a replica: its own where they are of the
// region, the primary's else.
func replicated(own, primary map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range primary {
		if !slices.Contains(regional, name) {
			all[name] = value
		}
	}
	for name, value := range own {
		if slices.Contains(regional, name) {
			all[name] = value
		}
	}
	if len(all) == 0 {
		return own // It may be nil, or empty.
	}
	return all
}

// updateUserPool changes a pool as AWS does: what the call does not give gets
// its default value.
func updateUserPool(c *call) (object, error) {
	if !c.server.opts.Updates {
		return nil, unknownOperation(c)
	}
	return ofPool(func(c *call, p *Pool) (object, error) {
		before, err := describeUserPool(c, p)
		if err == nil {
			err = c.refuseUpdate(p, plainObject(before["UserPool"]))
		}
		if err != nil {
			return nil, err
		}
		c.server.changePool(c, p.ID, func(p *Pool) { p.update(c) })
		return object{}, nil
	})(c)
}

// refuseUpdate says why AWS would not update the pool.
func (c *call) refuseUpdate(p *Pool, before object) error {
	given := func(name string) params { return c.params.object(name) }
	refuse := func(format string, args ...any) error {
		return badRequest("InvalidParameterException", format, args...)
	}
	_, days := given("AdminCreateUserConfig")["UnusedAccountValidityDays"]
	_, temporary := given("Policies").object("PasswordPolicy")["TemporaryPasswordValidityDays"]
	template, lambda, email := given("VerificationMessageTemplate"), given("LambdaConfig"), given("EmailConfiguration")
	for _, name := range given("UserAttributeUpdateSettings").texts("AttributesRequireVerificationBeforeUpdate") {
		if !slices.Contains(c.params.texts("AutoVerifiedAttributes"), name) {
			return refuse("AttributesRequireVerificationBeforeUpdate has %s, which is not in AutoVerifiedAttributes", name)
		}
	}
	for key := range given("UserPoolTags") {
		if strings.HasPrefix(key, "aws:") {
			return badRequest("UserPoolTaggingException", "Tag keys must not begin with aws:")
		}
	}
	factors := given("Policies").object("SignInPolicy").texts("AllowedFirstAuthFactors")
	switch {
	case days && temporary:
		return refuse("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
	case template.text("EmailMessage") != "" && template.text("EmailMessageByLink") != "":
		return refuse("EmailMessage and EmailMessageByLink cannot be given together")
	case lambda.text("PreTokenGeneration") != "" && len(lambda.object("PreTokenGenerationConfig")) > 0 &&
		lambda.text("PreTokenGeneration") != lambda.object("PreTokenGenerationConfig").text("LambdaArn"):
		return refuse("PreTokenGeneration and PreTokenGenerationConfig do not name the same function")
	case (len(lambda.object("CustomEmailSender")) > 0 || len(lambda.object("CustomSMSSender")) > 0) && lambda.text("KMSKeyID") == "":
		return refuse("KMSKeyID is required for custom senders")
	case c.params.text("MfaConfiguration") == "ON" && before["MfaConfiguration"] == "OFF":
		return refuse("MFA cannot be turned on with UpdateUserPool")
	case slices.Contains(factors, "EMAIL_OTP") && email.text("EmailSendingAccount") != "DEVELOPER":
		return refuse("EMAIL_OTP needs an EmailSendingAccount of DEVELOPER")
	case email.text("EmailSendingAccount") == "DEVELOPER":
		if region, name, ok := c.ownIdentity(email.text("SourceArn")); !ok || !c.owner().region(region).verified(name) {
			return refuse("Email address is not verified. The following identities failed the check: %s", email.text("SourceArn"))
		}
	}
	if p.home() == c.region {
		return nil
	}
	after := c.settings(p)
	for name := range resets() { // In a replica.
		if !slices.Contains(regional, name) && !reflect.DeepEqual(after[name], before[name]) {
			return refuse("%s cannot be changed in a secondary Region", name)
		}
	}
	return nil
}

// ownIdentity takes apart the ARN of an identity of the call's account.
func (c *call) ownIdentity(arn string) (region, name string, ok bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[2] != "ses" || part[4] != c.account {
		return "", "", false
	}
	name, ok = strings.CutPrefix(part[5], "identity/")
	return part[3], name, ok
}

func (r *Region) verified(name string) bool {
	i := r.identity(name)
	return i != nil && i.Verified
}

// settled is a setting as DescribeUserPool answers it after it was given so.
func settled(name string, value any, given params) any {
	v, ok := plainValue(value).(object)
	if !ok {
		return plainValue(value)
	}
	switch name {
	case "AdminCreateUserConfig":
		if _, ok := v["UnusedAccountValidityDays"]; !ok {
			v["UnusedAccountValidityDays"] = float64(7)
			if days, ok := given.object("Policies").object("PasswordPolicy")["TemporaryPasswordValidityDays"]; ok {
				v["UnusedAccountValidityDays"] = days
			}
		}
		if _, ok := v["AllowAdminCreateUserOnly"]; !ok {
			v["AllowAdminCreateUserOnly"] = false
		}
	case "Policies":
		if policy, ok := v["PasswordPolicy"].(object); ok {
			for _, name := range []string{"RequireLowercase", "RequireNumbers", "RequireSymbols", "RequireUppercase"} {
				if _, ok := policy[name]; !ok {
					policy[name] = false
				}
			}
		} else {
			v["PasswordPolicy"] = plainValue(passwordPolicy())
		}
		if _, ok := v["SignInPolicy"]; !ok {
			v["SignInPolicy"] = plainValue(signInPolicy("PASSWORD"))
		}
	}
	return v
}

// settings returns what the pool's settings are when the call has updated it.
func (c *call) settings(p *Pool) object {
	after := object{}
	for name, value := range p.Settings {
		if slices.Contains(describedOnly, name) {
			after[name] = value
		}
	}
	for name, value := range resets() {
		if value != nil {
			after[name] = plainValue(value)
		}
	}
	for name, value := range p.Settings {
		if value == nil { // As if this AWS did not have it yet.
			delete(after, name)
		}
	}
	if len(p.Tags) > 0 {
		after["UserPoolTags"] = plainValue(p.Tags)
	}
	for name, value := range c.params {
		if name != "UserPoolId" && name != "PoolName" && !slices.Contains(describedOnly, name) {
			after[name] = settled(name, value, c.params)
		}
	}
	return after
}

// update changes the pool as the call says. What no other key of the fleet can
// say is in the settings afterwards.
func (p *Pool) update(c *call) {
	after := params(c.settings(p))
	email := after.object("EmailConfiguration")
	p.Name = cmp.Or(c.params.text("PoolName"), p.Name)
	p.Mode, p.SourceARN, p.From = cmp.Or(email.text("EmailSendingAccount"), modeAbsent), email.text("SourceArn"), email.text("From")
	p.ReplyTo, p.ConfigurationSet = email.text("ReplyToEmailAddress"), email.text("ConfigurationSet")
	p.CustomSender = after.object("LambdaConfig").object("CustomEmailSender").text("LambdaArn")
	p.Tier, p.MFA, p.AutoVerified = after.text("UserPoolTier"), after.text("MfaConfiguration"), after.texts("AutoVerifiedAttributes")
	p.FirstFactors = after.object("Policies").object("SignInPolicy").texts("AllowedFirstAuthFactors")
	p.Recovery, p.Tags = []string{}, map[string]string{}
	for _, mechanism := range after.object("AccountRecoverySetting").objects("RecoveryMechanisms") {
		p.Recovery = append(p.Recovery, mechanism.text("Name"))
	}
	tags := after.object("UserPoolTags")
	for key := range tags {
		p.Tags[key] = tags.text(key)
	}
	p.Settings, p.Modified = object{}, c.now
	known := plainObject(p.described(c))
	for name, value := range after {
		if !reflect.DeepEqual(known[name], plainValue(value)) {
			p.Settings[name] = value
		}
	}
	for name := range resets() {
		if _, ok := after[name]; !ok && known[name] != nil {
			p.Settings[name] = nil
		}
	}
}

// changePool puts a changed copy of the pool into a copy of the fleet.
func (s *Server) changePool(c *call, id string, change func(*Pool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := *s.fleet
	f.Accounts = slices.Clone(f.Accounts)
	a := f.account(c.account)
	a.Regions = maps.Clone(a.Regions)
	for _, name := range a.replicas(id) {
		r := *a.Regions[name]
		r.Pools = slices.Clone(r.Pools)
		a.Regions[name] = &r
	}
	p := a.Regions[c.region].pool(id)
	change(p)
	s.did([]event{newAct(c.account, c.region, c.operation, c.now, act{request: p.request(), by: strings.TrimPrefix(c.principal[strings.LastIndexByte(c.principal, ':'):], ":")})}, c.now)
	if err := a.completeReplicas(); err != nil {
		panic(err) // Which settings a pool has makes no difference there.
	}
	s.fleet = &f
	clear(s.days)
}

// plainValue is v as it is after a way through JSON, so that values can be compared.
func plainValue(v any) (plain any) {
	if err := json.Unmarshal(mustJSON(v), &plain); err != nil {
		panic(err) // It was JSON.
	}
	return plain
}

func plainObject(v any) object {
	o, _ := plainValue(v).(object)
	return o
}
