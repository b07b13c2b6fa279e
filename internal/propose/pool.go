package propose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// object is a JSON object. Numbers in it are json.Number, as they were written.
type object = map[string]any

// Pool is a user pool as DescribeUserPool answers it.
type Pool struct {
	Key  inventory.PoolKey
	Name string

	body   []byte // the whole answer
	fields object // UserPool of the answer, without what is null
}

// Parse reads the body of an answer of DescribeUserPool, from the HTTP response
// or from aws-cli.
func Parse(body []byte) (*Pool, error) {
	answer, err := parseObject(body)
	if err != nil {
		return nil, fmt.Errorf("the description is not a JSON object: %w", err)
	}
	fields, ok := answer["UserPool"].(object)
	if !ok {
		return nil, errors.New("the description has no UserPool")
	}
	p := &Pool{body: body, fields: fields}
	p.Name, _ = fields["Name"].(string)
	p.Key.ID, _ = fields["Id"].(string)
	arn, _ := fields["Arn"].(string)
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[2] != "cognito-idp" || part[5] != "userpool/"+p.Key.ID || p.Key.ID == "" || part[3] == "" || part[4] == "" {
		return nil, fmt.Errorf("the description's Id %q and Arn %q do not name a user pool", p.Key.ID, arn)
	}
	p.Key.Region, p.Key.AccountID = part[3], part[4]
	return p, nil
}

// parseObject reads one JSON object, and leaves out what is null in it.
func parseObject(data []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("it is null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind it")
	}
	return withoutNull(o).(object), nil
}

// withoutNull removes the members that are null: AWS does not give what is not
// set, but other programs write it so.
func withoutNull(v any) any {
	switch v := v.(type) {
	case object:
		maps.DeleteFunc(v, func(_ string, member any) bool { return withoutNull(member) == nil })
	case []any:
		for i := range v {
			v[i] = withoutNull(v[i])
		}
	}
	return v
}

// in returns the object under the key; a nil one, from which can be read, when
// there is none.
func in(o object, key string) object {
	inner, _ := o[key].(object)
	return inner
}

func text(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

func texts(o object, key string) []string {
	list, _ := o[key].([]any)
	var all []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// copied returns a copy of what was read from JSON.
func copied(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for key, member := range v {
			c[key] = copied(member)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = copied(v[i])
		}
		return c
	default:
		return v
	}
}

// renamed are the fields that UpdateUserPool has under another name.
var renamed = map[string]string{"Id": "UserPoolId", "Name": "PoolName"}

// describedOnly are the fields that UpdateUserPool does not have. What they say
// is not changed by it.
var describedOnly = []string{
	"AliasAttributes", "Arn", "CreationDate", "CustomDomain", "Domain", "EmailConfigurationFailure", "EstimatedNumberOfUsers",
	"LastModifiedDate", "SchemaAttributes", "SmsConfigurationFailure", "Status", "UsernameAttributes", "UsernameConfiguration",
}

// moving are the fields that change by themselves.
var moving = []string{"EmailConfigurationFailure", "EstimatedNumberOfUsers", "LastModifiedDate", "SmsConfigurationFailure"}

// settable are the fields of UpdateUserPool, and the members of those that are
// objects, that the AWS SDK for Go knows in November 2026 (version 1.71.0 of
// service/cognitoidentityprovider). Others are newer.
var settable = func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(`
AccountRecoverySetting.RecoveryMechanisms: Name Priority
AccountRecoverySetting: RecoveryMechanisms
AdminCreateUserConfig.InviteMessageTemplate: EmailMessage EmailSubject SMSMessage
AdminCreateUserConfig: AllowAdminCreateUserOnly InviteMessageTemplate UnusedAccountValidityDays
DeviceConfiguration: ChallengeRequiredOnNewDevice DeviceOnlyRememberedOnUserPrompt
EmailConfiguration: ConfigurationSet EmailSendingAccount From ReplyToEmailAddress SourceArn
IssuerConfiguration: Type
KeyConfiguration: KeyType KmsKeyArn
LambdaConfig.CustomEmailSender: LambdaArn LambdaVersion
LambdaConfig.CustomSMSSender: LambdaArn LambdaVersion
LambdaConfig.InboundFederation: LambdaArn LambdaVersion
LambdaConfig.PreTokenGenerationConfig: LambdaArn LambdaVersion
LambdaConfig: CreateAuthChallenge CustomEmailSender CustomMessage CustomSMSSender DefineAuthChallenge InboundFederation KMSKeyID
LambdaConfig: PostAuthentication PostConfirmation PreAuthentication PreSignUp PreTokenGeneration PreTokenGenerationConfig UserMigration
LambdaConfig: VerifyAuthChallengeResponse
Policies.PasswordPolicy: MinimumLength PasswordHistorySize RequireLowercase RequireNumbers RequireSymbols RequireUppercase
Policies.PasswordPolicy: TemporaryPasswordValidityDays
Policies.SignInPolicy: AllowedFirstAuthFactors
Policies: PasswordPolicy SignInPolicy
SmsConfiguration.EumsSms: CallerArn ConfigurationSetName ExternalId InEntityId InTemplateId OriginationIdentity Region
SmsConfiguration: EumsSms ExternalId SnsCallerArn SnsRegion
UserAttributeUpdateSettings: AttributesRequireVerificationBeforeUpdate
UserPoolAddOns.AdvancedSecurityAdditionalFlows: CustomAuthMode
UserPoolAddOns: AdvancedSecurityAdditionalFlows AdvancedSecurityMode
VerificationMessageTemplate: DefaultEmailOption EmailMessage EmailMessageByLink EmailSubject EmailSubjectByLink SmsMessage
: AccountRecoverySetting AdminCreateUserConfig AutoVerifiedAttributes DeletionProtection DeviceConfiguration EmailConfiguration
: EmailVerificationMessage EmailVerificationSubject IssuerConfiguration KeyConfiguration LambdaConfig MfaConfiguration Policies
: SmsAuthenticationMessage SmsConfiguration SmsVerificationMessage UserAttributeUpdateSettings UserPoolAddOns UserPoolTags
: UserPoolTier VerificationMessageTemplate
`) {
		parent, members, _ := strings.Cut(line, ":")
		for name := range strings.FieldsSeq(members) {
			all[strings.TrimPrefix(parent+"."+name, ".")] = true
		}
	}
	return all
}()

// newer returns the paths of the fields that this program does not know, sorted.
func newer(fields object) []string {
	var paths []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case object:
			for key, member := range v {
				inner := strings.TrimPrefix(path+"."+key, ".")
				switch {
				case settable[inner]:
					walk(inner, member)
				case path == "UserPoolTags", path == "" && (renamed[key] != "" || slices.Contains(describedOnly, key)):
				default:
					paths = append(paths, inner)
				}
			}
		case []any:
			for _, member := range v {
				walk(path, member)
			}
		}
	}
	walk("", fields)
	slices.Sort(paths)
	return slices.Compact(paths)
}
