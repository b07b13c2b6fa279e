package inventory

import "strconv"

// Planned says where a user pool is from that a plan creates or changes: one of
// Terraform, or a template of CloudFormation. Cognito does not have it yet, or
// not with these settings.
type Planned struct {
	Resource string // its address in the plan, such as module.login.aws_cognito_user_pool.main
	Action   string // what becomes of it, such as create
	File     string // where it is written; may be empty
	Line     int    // from 1; 0 when unknown
}

// Where returns the file and line, as far as they are known.
func (p *Planned) Where() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// PendingSettings is a set of settings that a plan may leave open until it is applied.
// The zero value is the empty set.
type PendingSettings uint16

// The settings, by their names in DescribeUserPool.
const (
	PendingMode             PendingSettings = 1 << iota // EmailConfiguration.EmailSendingAccount
	PendingSourceARN                                    // EmailConfiguration.SourceArn
	PendingFrom                                         // EmailConfiguration.From
	PendingReplyTo                                      // EmailConfiguration.ReplyToEmailAddress
	PendingConfigurationSet                             // EmailConfiguration.ConfigurationSet
	PendingCustomSender                                 // LambdaConfig.CustomEmailSender
	PendingTags                                         // UserPoolTags
	PendingAutoVerified                                 // AutoVerifiedAttributes
	PendingFirstFactors                                 // Policies.SignInPolicy.AllowedFirstAuthFactors
	PendingRecovery                                     // AccountRecoverySetting
	PendingMFA                                          // MfaConfiguration and what its factors are
)

// pendingNames are the names of the settings, in the order of the constants.
var pendingNames = []string{
	"EmailSendingAccount", "SourceArn", "From", "ReplyToEmailAddress", "ConfigurationSet", "CustomEmailSender",
	"UserPoolTags", "AutoVerifiedAttributes", "AllowedFirstAuthFactors", "AccountRecoverySetting", "MfaConfiguration",
}

// PendingEmail are those of EmailConfiguration.
const PendingEmail = PendingMode | PendingSourceARN | PendingFrom | PendingReplyTo | PendingConfigurationSet

// Has reports whether one of the settings is in the set.
func (f PendingSettings) Has(one PendingSettings) bool { return f&one != 0 }

// Names returns the settings by AWS's names for them, in the order of the constants.
func (f PendingSettings) Names() []string {
	var names []string
	for i, name := range pendingNames {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// unless returns what a setting says, or Unknown while a plan leaves it open.
func (s *Settings) unless(f PendingSettings, says Tri) Tri {
	if s.Pending.Has(f) {
		return Unknown
	}
	return says
}
