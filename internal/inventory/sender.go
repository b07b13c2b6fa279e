package inventory

import (
	"slices"
	"strings"
)

// Mode is a pool's EmailSendingAccount.
type Mode string

// The modes; ModeUnknown also stands for a value that this program does not know.
const (
	ModeUnknown   Mode = "UNKNOWN"
	ModeDefault   Mode = "COGNITO_DEFAULT"
	ModeDeveloper Mode = "DEVELOPER"
)

// Modes lists every mode.
func Modes() []Mode { return []Mode{ModeDefault, ModeDeveloper, ModeUnknown} }

// ModeSource says where a pool's mode is from.
type ModeSource string

// The sources of a mode.
const (
	ModeStated ModeSource = "stated" // AWS states EmailSendingAccount
	ModeAbsent ModeSource = "absent" // AWS leaves it out, which means [ModeDefault]: pools of the first years do not have it
)

// EmailConfiguration is what Cognito's DescribeUserPool says of a pool's e-mail.
type EmailConfiguration struct {
	Mode             Mode
	ModeAbsent       bool   // AWS leaves EmailSendingAccount out, which means [ModeDefault]
	UnknownMode      string // the EmailSendingAccount that this program does not know; else empty
	SourceARN        string // may be empty
	From             string // may be empty
	ReplyTo          string // may be empty
	ConfigurationSet string // may be empty
	CustomSender     bool   // a CustomEmailSender Lambda function sends instead of Cognito
}

// Sender is where a pool's e-mail leaves from, as far as the pool itself tells.
// Make one with [NewSender].
type Sender struct {
	EmailConfiguration
	// Identity is what the SourceArn names; the zero value without one, or when
	// it is not the ARN of an SES identity.
	Identity IdentityRef
	// CrossAccount says that the identity belongs to another account than the pool.
	CrossAccount bool
	// Regions are the SES regions of the pool's own account in which the
	// identity has to be verified. A DEVELOPER pool uses the quota of the first
	// one. Empty without an identity of the own account.
	Regions []string
}

// NewSender derives the sender of a pool in the account and region.
func NewSender(pool Key, e EmailConfiguration) Sender {
	identity, ok := ParseSourceARN(e.SourceARN)
	if !ok {
		return Sender{EmailConfiguration: e}
	}
	return SenderAs(pool, e, identity)
}

// SenderAs derives the sender of a pool that will send as the identity, whatever
// its SourceArn says so far. An account that is empty is not known.
func SenderAs(pool Key, e EmailConfiguration, identity IdentityRef) Sender {
	s := Sender{EmailConfiguration: e, Identity: identity}
	s.CrossAccount = identity.AccountID != pool.AccountID && identity.AccountID != "" && pool.AccountID != ""
	if s.CrossAccount {
		return s
	}
	s.Regions = []string{identity.Region}
	if identity.Region == "*" {
		s.Regions = splitRegions(pool.Region)
	}
	return s
}

// ModeSource says where the mode is from.
func (s *Sender) ModeSource() ModeSource {
	if s.ModeAbsent {
		return ModeAbsent
	}
	return ModeStated
}

// SendsDefault reports whether the pool's e-mail goes through Cognito's
// built-in sender, and so counts against the default quota.
func (s *Sender) SendsDefault() bool { return s.Mode == ModeDefault && !s.CustomSender }

// SESRegion returns the region of the SES account that a DEVELOPER pool sends
// through, empty for others and without an identity of the own account.
func (s *Sender) SESRegion() string {
	if s.Mode != ModeDeveloper || s.CustomSender || len(s.Regions) == 0 {
		return ""
	}
	return s.Regions[0]
}

// fromMatches reports whether From belongs to the identity. Without From an
// address identity stands for itself; a domain identity needs one.
func (s *Sender) fromMatches() bool {
	if s.From == "" {
		_, _, isAddress := cutAddress(s.Identity.Name)
		return isAddress
	}
	return Covers(s.Identity.Name, s.From)
}

// IdentityRef is the identity that a SourceArn names.
type IdentityRef struct {
	Partition string
	Region    string // an asterisk stands for every region a pool's mail leaves from
	AccountID string
	Name      string // an e-mail address or a domain
}

// ParseSourceARN takes apart
// arn:PARTITION:ses:REGION:ACCOUNT:identity/ADDRESS-OR-DOMAIN.
func ParseSourceARN(arn string) (IdentityRef, bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[2] != "ses" {
		return IdentityRef{}, false
	}
	name, ok := strings.CutPrefix(part[5], "identity/")
	if !ok || name == "" || part[3] == "" || part[4] == "" {
		return IdentityRef{}, false
	}
	return IdentityRef{Partition: part[1], Region: part[3], AccountID: part[4], Name: name}, true
}

// Need is an account's SES region that pools send through, and the names of
// the identities and configuration sets that they use there, sorted.
type Need struct {
	Key
	AccountName       string
	Identities        []string
	ConfigurationSets []string // that the pools themselves name
}

// Ask has the target read what is needed of it.
func (n *Need) Ask(t *Target) { t.Identities, t.ConfigurationSets = n.Identities, n.ConfigurationSets }

// Needs returns, sorted, the SES regions that the readings' pools send through.
// All of them have to be read for the pools' verdicts, whether or not they are
// configured.
func Needs(readings ...Reading) []Need {
	found := map[Key]*Need{}
	for _, r := range readings {
		for _, up := range r.Pools {
			if up.Settings == nil {
				continue
			}
			for _, region := range up.Settings.Regions {
				if !HasSES(region) || Partition(region) != Partition(r.Target.Region) {
					continue
				}
				k := Key{r.Target.AccountID, region}
				if found[k] == nil {
					found[k] = &Need{Key: k, AccountName: r.Target.AccountName}
				}
				found[k].Identities = append(found[k].Identities, up.Settings.Identity.Name)
				if set := up.Settings.ConfigurationSet; set != "" {
					found[k].ConfigurationSets = append(found[k].ConfigurationSets, set)
				}
			}
		}
	}
	needs := make([]Need, 0, len(found))
	for _, n := range found {
		slices.Sort(n.Identities)
		n.Identities = slices.Compact(n.Identities)
		slices.Sort(n.ConfigurationSets)
		n.ConfigurationSets = slices.Compact(n.ConfigurationSets)
		needs = append(needs, *n)
	}
	slices.SortFunc(needs, func(a, b Need) int { return a.Compare(b.Key) })
	return needs
}

// SESOnlyTargets returns the targets that have to be read for the needs beside
// the configured ones, in the order of the needs. The account of configured
// may be unknown still, for the ambient credentials' own.
func SESOnlyTargets(needs []Need, configured []Target) []Target {
	var targets []Target
	for _, n := range needs {
		covered := slices.ContainsFunc(configured, func(t Target) bool {
			return t.Region == n.Region && (t.AccountID == "" || t.AccountID == n.AccountID)
		})
		if !covered {
			t := Target{AccountID: n.AccountID, AccountName: n.AccountName, Region: n.Region, SESOnly: true}
			n.Ask(&t)
			targets = append(targets, t)
		}
	}
	return targets
}
