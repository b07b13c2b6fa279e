package iac

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// Format is a kind of plan.
type Format string

// The formats.
const (
	Terraform      Format = "terraform"
	CloudFormation Format = "cloudformation"
	CDK            Format = "cdk"
)

// MaxSize is how many bytes a plan of Terraform, or the manifest of a CDK cloud
// assembly, may have. A template may have as many as CloudFormation allows.
const MaxSize = 64 << 20

// Document is a file, or the directory of a cloud assembly, that was read.
type Document struct {
	Format Format
	find   func(p *Plan) // adds what is in it

	terraform *tfPlan // nil unless it is one
}

// Plan returns the user pools that the document creates or changes. The key has
// the account and the region where the document does not tell them; either may
// be empty for unknown.
func (d *Document) Plan(fallback inventory.Key) *Plan {
	p := &Plan{Format: d.Format, fallback: fallback}
	d.find(p)
	slices.SortStableFunc(p.Pools, func(a, b Pool) int { return cmp.Or(a.Compare(b.Key), strings.Compare(a.ID, b.ID)) })
	return p
}

// Open reads the file, or the directory of a CDK cloud assembly, at path.
func Open(path string) (*Document, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return openAssembly(path)
	}
	data, err := yamlfile.ReadUpTo(path, MaxSize)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a document whose content is data; the name is for errors and
// positions.
func Parse(name string, data []byte) (*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	fail := func(format string, args ...any) (*Document, error) {
		return nil, fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...))
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return fail("this is a plan as Terraform saves it; give what terraform show -json prints of it")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fail("the file is UTF-16 text; write it as UTF-8")
	}
	if start := bytes.TrimLeft(data, " \t\r\n"); !bytes.HasPrefix(start, []byte("{")) {
		return parseTemplate(name, data)
	}
	var shape struct {
		FormatVersion *string         `json:"format_version"`
		Changes       json.RawMessage `json:"resource_changes"`
		Planned       json.RawMessage `json:"planned_values"`
		Values        json.RawMessage `json:"values"`
		Artifacts     json.RawMessage `json:"artifacts"`
		Level         json.RawMessage `json:"@level"`
	}
	err := json.NewDecoder(bytes.NewReader(data)).Decode(&shape)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !ok {
		return parseTemplate(name, data) // It says where it is no JSON.
	}
	switch {
	case shape.Level != nil:
		return fail("this is the log of terraform plan -json; save the plan with -out and give what terraform show -json prints of it")
	case shape.Changes != nil, shape.Planned != nil:
		return parseTerraform(name, data)
	case shape.Values != nil && shape.FormatVersion != nil:
		return fail("this is a state of Terraform, not a plan; give what terraform show -json prints of a plan file")
	case shape.FormatVersion != nil:
		return parseTerraform(name, data)
	case shape.Artifacts != nil:
		return fail("this is the manifest of a CDK cloud assembly; give its directory")
	default:
		return parseTemplate(name, data)
	}
}

// Plan is what a document creates or changes.
type Plan struct {
	Format Format
	Pools  []Pool   // sorted by account, region and ID
	Notes  []string // what could not be judged, and why; in the order of the document

	things   []thing
	fallback inventory.Key
}

// Pool is a user pool of a plan. Its ID is the address in the plan as long as
// Cognito has given it none.
type Pool struct {
	inventory.Key // either part may be empty for unknown
	inventory.UserPool
}

// thing is an identity or a configuration set of SES that a plan creates,
// changes or removes.
type thing struct {
	inventory.Key
	name    string
	set     bool          // else it is an identity
	gone    bool          // it is removed
	sending inventory.Tri // of a configuration set: whether sending is enabled
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// place returns the key with what is missing in it.
func (p *Plan) place(k inventory.Key) inventory.Key {
	return inventory.Key{AccountID: cmp.Or(k.AccountID, p.fallback.AccountID), Region: cmp.Or(k.Region, p.fallback.Region)}
}

// draft is a user pool as far as a plan tells it.
type draft struct {
	inventory.Key
	planned  inventory.Planned
	id, name string
	email    inventory.EmailConfiguration
	// identity is what the SourceArn will name, where its text is not known
	// although that is.
	identity       inventory.IdentityRef
	pending        inventory.PendingSettings
	tier, recovery string
	tags           map[string]string
	autoVerified   []string
	otp            bool
	mfa, emailMFA  inventory.Tri
}

// open takes note of settings that are not known.
func (d *draft) open(fields inventory.PendingSettings) { d.pending |= fields }

// pool returns the draft as a user pool.
func (d *draft) pool() Pool {
	sender := inventory.NewSender(d.Key, d.email)
	if sender.Identity.Name == "" && d.identity.Name != "" {
		sender = inventory.SenderAs(d.Key, d.email, d.identity)
	}
	planned := d.planned
	up := inventory.UserPool{
		ID: cmp.Or(d.id, planned.Resource), Name: d.name, Planned: &planned,
		Settings: &inventory.Settings{
			Sender: sender, Tier: d.tier, Tags: d.tags, AutoVerified: d.autoVerified, Recovery: d.recovery, EmailOTP: d.otp, MFA: d.mfa, Pending: d.pending,
		},
		Details: &inventory.Details{EmailMFA: inventory.Detail{Value: d.emailMFA}},
	}
	return Pool{d.Key, up}
}

// mode takes over an EmailSendingAccount.
func (d *draft) mode(text string, known bool) {
	d.email.Mode = inventory.ModeUnknown
	switch m := inventory.Mode(text); {
	case !known:
		d.open(inventory.PendingMode)
	case text == "":
		d.email.Mode, d.email.ModeAbsent = inventory.ModeDefault, true
	case m == inventory.ModeDefault || m == inventory.ModeDeveloper:
		d.email.Mode = m
	default:
		d.email.UnknownMode = text
	}
}

// set takes over a text of EmailConfiguration.
func (d *draft) set(to *string, field inventory.PendingSettings, text string, known bool) {
	if *to = text; !known {
		*to = ""
		d.open(field)
	}
}

// recover takes over the mechanisms of AccountRecoverySetting.
func (d *draft) recover(mechanisms []mechanism, known bool) {
	if !known {
		d.open(inventory.PendingRecovery)
		return
	}
	d.recovery = inventory.LegacyRecovery
	if len(mechanisms) == 0 {
		return
	}
	slices.SortStableFunc(mechanisms, func(a, b mechanism) int { return cmp.Compare(a.priority, b.priority) })
	names := make([]string, 0, len(mechanisms))
	for _, m := range mechanisms {
		names = append(names, m.name)
	}
	d.recovery = strings.Join(names, ",")
}

// mechanism is one of AccountRecoverySetting; priority 1 is the first.
type mechanism struct {
	name     string
	priority float64
}

// secondFactor takes over MfaConfiguration, which is OFF unless it is given.
func (d *draft) secondFactor(text string, known bool) {
	switch {
	case !known:
		d.open(inventory.PendingMFA)
	case text == "" || text == "OFF":
		d.mfa = inventory.No
	case text == "ON" || text == "OPTIONAL":
		d.mfa = inventory.Yes
	}
}

// emailOTP is the first factor, and the second one, that is a code by e-mail.
const emailOTP = "EMAIL_OTP"

// Join returns the readings with the plan's user pools, and as SES will be once
// the plan is applied: an identity that it creates exists, but whether it is
// verified is not known. The readings are not changed.
func (p *Plan) Join(at time.Time, live []inventory.Reading) []inventory.Reading {
	all := slices.Clone(live)
	in := func(k inventory.Key) *inventory.Reading {
		i := slices.IndexFunc(all, func(r inventory.Reading) bool { return r.Target.Key() == k })
		if i < 0 {
			i = len(all)
			all = append(all, inventory.Reading{Target: inventory.Target{AccountID: k.AccountID, Region: k.Region, SESOnly: true}, Start: at, End: at})
		}
		return &all[i]
	}
	for _, pool := range p.Pools {
		up := pool.UserPool
		settings, details := *up.Settings, *up.Details
		settings.Described, settings.Modified, details.EmailMFA.Read = at, at, at
		up.Settings, up.Details, up.Listed, up.LastModified, up.Confirmed = &settings, &details, at, at, at
		r := in(pool.Key)
		r.Target.SESOnly, r.PoolsListed = false, at
		r.Pools = append(slices.Clone(r.Pools), up)
	}
	for _, gone := range []bool{true, false} { // What is made again under another address is not gone.
		for _, t := range p.things {
			if t.gone != gone {
				continue
			}
			if r := in(t.Key); t.set {
				r.ConfigurationSets = t.joinSet(at, r.ConfigurationSets)
			} else {
				r.Identities = t.joinIdentity(at, r.Identities)
			}
		}
	}
	return all
}

// joinIdentity returns the identities as they are once the plan is applied.
func (t thing) joinIdentity(at time.Time, all []inventory.Identity) []inventory.Identity {
	name := inventory.CanonicalIdentity(t.name)
	i := slices.IndexFunc(all, func(i inventory.Identity) bool { return inventory.CanonicalIdentity(i.Name) == name })
	if i >= 0 && !all[i].Missing && !t.gone {
		return all // Whoever has verified it need not again.
	}
	all = slices.Clone(all)
	if i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	all = append(all, inventory.Identity{Name: t.name, Missing: t.gone, Confirmed: at, Status: "UNKNOWN"})
	slices.SortFunc(all, func(a, b inventory.Identity) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// joinSet returns the configuration sets as they are once the plan is applied.
func (t thing) joinSet(at time.Time, all []inventory.ConfigurationSet) []inventory.ConfigurationSet {
	all = slices.Clone(all)
	next := inventory.ConfigurationSet{Name: t.name, Missing: t.gone, SendingEnabled: t.sending, Confirmed: at}
	i := slices.IndexFunc(all, func(s inventory.ConfigurationSet) bool { return s.Name == t.name })
	switch {
	case i < 0:
		all = append(all, next)
		slices.SortFunc(all, func(a, b inventory.ConfigurationSet) int { return strings.Compare(a.Name, b.Name) })
	case t.gone || all[i].Missing || t.sending != inventory.Unknown:
		all[i] = next
	}
	return all
}
