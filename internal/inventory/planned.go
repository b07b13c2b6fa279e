package inventory

// Planned says where a user pool is from that a plan creates or changes: one of
// Terraform, or a template of CloudFormation. Cognito does not have it yet, or
// not with these settings.
type Planned struct {
	Resource string // its address in the plan, such as module.login.aws_cognito_user_pool.main
	Action   string // what becomes of it, such as create
	File     string // where it is written; may be empty
	Line     int    // from 1; 0 when unknown
}

// Fields is a set of settings that a plan may leave open until it is applied.
// The zero value is the empty set.
type Fields uint16

// The settings, by their names in DescribeUserPool.
const (
	FieldMode             Fields = 1 << iota // EmailConfiguration.EmailSendingAccount
	FieldSourceARN                           // EmailConfiguration.SourceArn
	FieldFrom                                // EmailConfiguration.From
	FieldReplyTo                             // EmailConfiguration.ReplyToEmailAddress
	FieldConfigurationSet                    // EmailConfiguration.ConfigurationSet
	FieldCustomSender                        // LambdaConfig.CustomEmailSender
	FieldTags                                // UserPoolTags
	FieldAutoVerified                        // AutoVerifiedAttributes
	FieldFirstFactors                        // Policies.SignInPolicy.AllowedFirstAuthFactors
	FieldRecovery                            // AccountRecoverySetting
	FieldMFA                                 // MfaConfiguration and what its factors are
)

// fieldNames are the names of the fields, in the order of the constants.
var fieldNames = []string{
	"EmailSendingAccount", "SourceArn", "From", "ReplyToEmailAddress", "ConfigurationSet", "CustomEmailSender",
	"UserPoolTags", "AutoVerifiedAttributes", "AllowedFirstAuthFactors", "AccountRecoverySetting", "MfaConfiguration",
}

// FieldsEmail are those of EmailConfiguration.
const FieldsEmail = FieldMode | FieldSourceARN | FieldFrom | FieldReplyTo | FieldConfigurationSet

// Has reports whether one of the fields is in the set.
func (f Fields) Has(one Fields) bool { return f&one != 0 }

// Names returns the fields by AWS's names for them, in the order of the constants.
func (f Fields) Names() []string {
	var names []string
	for i, name := range fieldNames {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// unless returns what a setting says, or Unknown while a plan leaves it open.
func (s *Settings) unless(f Fields, says Tri) Tri {
	if s.Pending.Has(f) {
		return Unknown
	}
	return says
}
