package awssim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Fleet is everything that the simulated AWS holds. Its format is documented
// in docs/awssim.md.
type Fleet struct {
	DefaultQuota DefaultQuota `yaml:"default_quota"`
	Organization Organization `yaml:"organization,omitempty"`
	ChangedBy    string       `yaml:"changed_by,omitempty"` // who makes this fleet of the one before, as in an ARN behind the account: user/administrator, if not given, or assumed-role/ROLE/SESSION
	Accounts     []Account    `yaml:"accounts"`
}

// DefaultQuota is how Cognito's built-in sender is limited. AWS's own pages
// disagree about what shares the limit.
type DefaultQuota struct {
	Limit int    `yaml:"limit"` // e-mails from one 09:00 UTC to the next
	Scope string `yaml:"scope"` // account_region, account or user_pool
}

// Account is an AWS account. The first one of a fleet owns the ambient
// credentials and is the management account of the organization.
type Account struct {
	ID         string `yaml:"id"` // 12 digits
	Name       string `yaml:"name,omitempty"`
	Alias      string `yaml:"alias,omitempty"`       // its IAM account alias
	ExternalID string `yaml:"external_id,omitempty"` // what AssumeRole has to present, if not empty
	// What Organizations says of the account. No role of one that is not ACTIVE
	// can be assumed.
	State string            `yaml:"state,omitempty"` // one of accountStates; ACTIVE, if not given
	Unit  string            `yaml:"unit,omitempty"`  // path of its organizational unit, names with / between; empty for the root
	Tags  map[string]string `yaml:"tags,omitempty"`
	// DisabledRegions are switched off. So is every opt-in region that is not in Regions.
	DisabledRegions []string `yaml:"disabled_regions,omitempty"`
	// NewRegions are on, too. They are younger than this simulation, which does
	// not answer in them.
	NewRegions []string           `yaml:"new_regions,omitempty"`
	Regions    map[string]*Region `yaml:"regions,omitempty"`
}

// Region is what an account has in one region.
type Region struct {
	SES               SES                `yaml:"ses"`
	Identities        []Identity         `yaml:"identities,omitempty"`
	ConfigurationSets []ConfigurationSet `yaml:"configuration_sets,omitempty"`
	Pools             []Pool             `yaml:"pools,omitempty"`
	NoUsage           bool               `yaml:"no_usage,omitempty"` // CloudWatch has no AWS/Usage of Cognito
	History           []PastCall         `yaml:"history,omitempty"`  // calls before the start
}

// SES is the state of an account's SES in one region. What is not given is as
// in a new account, and with production access as after AWS granted it.
type SES struct {
	ProductionAccess bool    `yaml:"production_access"`
	SendingEnabled   bool    `yaml:"sending_enabled"`
	Enforcement      string  `yaml:"enforcement"`              // HEALTHY, PROBATION or SHUTDOWN
	Review           string  `yaml:"review,omitempty"`         // PENDING, FAILED, GRANTED or DENIED; none without details
	Max24HourSend    float64 `yaml:"max_24_hour_send"`         // -1 is unlimited
	MaxSendRate      float64 `yaml:"max_send_rate"`            // per second
	SentLast24Hours  float64 `yaml:"sent_last_24_hours"`       // recipients
	BounceRate       float64 `yaml:"bounce_rate,omitempty"`    // 0.05 is 5 %
	ComplaintRate    float64 `yaml:"complaint_rate,omitempty"` // likewise
	Bounces          float64 `yaml:"bounces"`                  // of the last 24 hours; by the rate, if not given
	Complaints       float64 `yaml:"complaints"`               // likewise
	Rejects          float64 `yaml:"rejects,omitempty"`        // of the last 24 hours
}

// Identity is an address or domain in SES.
type Identity struct {
	Name             string            `yaml:"name"`
	Status           string            `yaml:"status,omitempty"` // SUCCESS, PENDING, FAILED, TEMPORARY_FAILURE or NOT_STARTED
	Verified         bool              `yaml:"verified"`         // VerifiedForSendingStatus; as status SUCCESS, if not given
	SendingEnabled   bool              `yaml:"sending_enabled"`  // as Verified, if not given
	ErrorType        string            `yaml:"error_type,omitempty"`
	ConfigurationSet string            `yaml:"configuration_set,omitempty"`
	DKIM             string            `yaml:"dkim,omitempty"` // as Status, if empty; of an address NOT_STARTED
	MailFrom         MailFrom          `yaml:"mail_from,omitempty"`
	Policies         map[string]string `yaml:"policies,omitempty"` // JSON by name
	Tags             map[string]string `yaml:"tags,omitempty"`
}

// MailFrom is an identity's own MAIL FROM domain.
type MailFrom struct {
	Domain    string `yaml:"domain,omitempty"`     // empty for none
	Status    string `yaml:"status,omitempty"`     // SUCCESS, if not given, PENDING, FAILED or TEMPORARY_FAILURE
	OnFailure string `yaml:"on_failure,omitempty"` // USE_DEFAULT_VALUE, if not given, or REJECT_MESSAGE
}

// ConfigurationSet is a configuration set of SES.
type ConfigurationSet struct {
	Name           string `yaml:"name"`
	SendingEnabled bool   `yaml:"sending_enabled"` // true, if not given
}

// modeAbsent is the mode of old pools, whose EmailConfiguration does not have
// EmailSendingAccount. They use the built-in sender.
const modeAbsent = "ABSENT"

// Pool is a user pool, or the replica of one: a pool whose ID begins with
// another region is the replica of the pool with that ID there. It has the
// name, tier, clients, age, and settings of sign-up, sign-in and recovery of
// that pool.
type Pool struct {
	ID               string            `yaml:"id,omitempty"` // made from the name, if empty
	Name             string            `yaml:"name"`
	Mode             string            `yaml:"mode,omitempty"` // EmailSendingAccount: COGNITO_DEFAULT or DEVELOPER; or modeAbsent
	SourceARN        string            `yaml:"source_arn,omitempty"`
	From             string            `yaml:"from,omitempty"`
	ReplyTo          string            `yaml:"reply_to,omitempty"`
	ConfigurationSet string            `yaml:"configuration_set,omitempty"`
	CustomSender     string            `yaml:"custom_sender,omitempty"` // ARN of the CustomEmailSender Lambda
	Tier             string            `yaml:"tier,omitempty"`          // LITE, ESSENTIALS or PLUS
	AutoVerified     []string          `yaml:"auto_verified"`           // [email], if not given
	Recovery         []string          `yaml:"recovery"`                // AccountRecoverySetting by priority; as in a new pool, if nil, and absent, if empty
	MFA              string            `yaml:"mfa,omitempty"`           // MfaConfiguration: OFF, ON or OPTIONAL
	EmailMFA         bool              `yaml:"email_mfa,omitempty"`     // EmailMfaConfiguration is there
	FirstFactors     []string          `yaml:"first_factors,omitempty"` // AllowedFirstAuthFactors; [PASSWORD], if not given
	LogDelivery      []string          `yaml:"log_delivery,omitempty"`  // sources of events that are logged: userNotification, userAuthEvents
	Tags             map[string]string `yaml:"tags,omitempty"`
	Clients          []Client          `yaml:"clients,omitempty"`        // one, if none is given
	ReplicaStatus    string            `yaml:"replica_status,omitempty"` // of a replica: CREATING, INACTIVE, ACTIVE, if not given, or DELETING
	Traffic          Traffic           `yaml:"traffic,omitempty"`        // a replica has none
	Settings         map[string]any    `yaml:"settings,omitempty"`       // fields of DescribeUserPool's answer that stand there besides or instead; nil removes one
	OwnQuota         bool              `yaml:"own_quota,omitempty"`      // has a default quota of its own, whatever the fleet's scope is
	Created          time.Time         `yaml:"created,omitempty"`
	Modified         time.Time         `yaml:"modified,omitempty"` // moves when a new fleet changes the pool
}

// Client is an app client of a user pool.
type Client struct {
	ID   string `yaml:"id,omitempty"` // made from the name, if empty
	Name string `yaml:"name"`
}

func newSES() SES {
	return SES{SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 200, MaxSendRate: 1}
}

// fill gives a field the value of a key that was not given.
func fill[T any](given params, key string, field *T, value T) {
	if _, ok := given[key]; !ok {
		*field = value
	}
}

// fill completes a region where the zero value of what was not given is not
// what AWS would have.
func (r *Region) fill(given params) {
	ses, s, start := given.object("ses"), &r.SES, newSES()
	if s.ProductionAccess {
		start.Review, start.Max24HourSend, start.MaxSendRate = "GRANTED", 50000, 14
	}
	fill(ses, "sending_enabled", &s.SendingEnabled, start.SendingEnabled)
	fill(ses, "enforcement", &s.Enforcement, start.Enforcement)
	fill(ses, "review", &s.Review, start.Review)
	fill(ses, "max_24_hour_send", &s.Max24HourSend, start.Max24HourSend)
	fill(ses, "max_send_rate", &s.MaxSendRate, start.MaxSendRate)
	fill(ses, "bounces", &s.Bounces, math.Round(s.BounceRate*s.SentLast24Hours))
	fill(ses, "complaints", &s.Complaints, math.Round(s.ComplaintRate*s.SentLast24Hours))
	for n, given := range given.objects("identities") {
		i := &r.Identities[n]
		fill(given, "status", &i.Status, "SUCCESS")
		fill(given, "verified", &i.Verified, i.Status == "SUCCESS")
		fill(given, "sending_enabled", &i.SendingEnabled, i.Verified)
	}
	for n, given := range given.objects("configuration_sets") {
		fill(given, "sending_enabled", &r.ConfigurationSets[n].SendingEnabled, true)
	}
	for n, given := range given.objects("pools") {
		fill(given, "auto_verified", &r.Pools[n].AutoVerified, []string{"email"})
	}
}

// ParseFleet reads a fleet from YAML or JSON. Unknown keys and values that AWS
// does not have are errors.
func ParseFleet(data []byte) (*Fleet, error) {
	var given map[string]any
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) { // JSON is not always YAML.
		if err = json.Unmarshal(data, &given); err == nil {
			data, err = yaml.Marshal(given)
		}
	}
	f := &Fleet{}
	if err == nil {
		err = decodeStrict(data, f)
	}
	if err == nil {
		err = yaml.Unmarshal(data, &given)
	}
	if err != nil {
		return nil, fmt.Errorf("the fleet is not valid: %w", err)
	}
	for i, account := range params(given).objects("accounts") {
		for name, region := range f.Accounts[i].Regions {
			if region != nil {
				region.fill(account.object("regions").object(name))
			}
		}
	}
	if err := f.complete(); err != nil {
		return nil, fmt.Errorf("the fleet is not valid: %w", err)
	}
	return f, nil
}

// unknownField is how the YAML library speaks of a key that no field has.
var unknownField = regexp.MustCompile(`field (.+) not found in type \S+`)

// decodeStrict decodes YAML without keys that v does not have. Without any
// content, v stays as it is.
func decodeStrict(data []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return errors.New(unknownField.ReplaceAllString(err.Error(), `unknown key "$1"`))
	}
	return nil
}

// plain returns the fleet as ParseFleet reads it, made of maps and lists that
// belong to the caller.
func (f *Fleet) plain() (v any, err error) {
	data, err := yaml.Marshal(f)
	if err == nil {
		err = yaml.Unmarshal(data, &v)
	}
	return v, err
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	poolID    = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)
	epoch     = time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC) // when what has no date was created
)

// assume gives a field a value if it is zero. It does not write otherwise: a
// complete fleet can be completed again while it is served.
func assume[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// complete fills in what was not given and checks the rest.
func (f *Fleet) complete() error {
	assume(&f.DefaultQuota.Limit, 50)
	assume(&f.DefaultQuota.Scope, scopeAccountRegion)
	if err := oneOf("default_quota.scope", f.DefaultQuota.Scope, scopeAccountRegion, scopeAccount, scopePool); err != nil {
		return err
	}
	if len(f.Accounts) == 0 {
		return errors.New("it needs at least one account")
	}
	seen := map[string]bool{}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		if !accountID.MatchString(a.ID) || seen[a.ID] {
			return fmt.Errorf("account id %q is not 12 digits, or is a duplicate", a.ID)
		}
		seen[a.ID] = true
		for name, r := range a.Regions {
			if !isRegion(name) {
				return fmt.Errorf("account %s: unknown region %q", a.ID, name)
			}
			if r == nil {
				r = &Region{SES: newSES()}
				a.Regions[name] = r
			}
			if err := r.complete(a.ID, name); err != nil {
				return fmt.Errorf("account %s, region %s: %w", a.ID, name, err)
			}
		}
		if err := a.completeReplicas(); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
	}
	return f.completeOrganization()
}

// completeReplicas gives replicas what they have from their primary pool, and
// refuses what Cognito does not have.
func (a *Account) completeReplicas() error {
	for name, r := range a.Regions {
		for i := range r.Pools {
			p := &r.Pools[i]
			if p.home() == name {
				if p.ReplicaStatus != "" {
					return fmt.Errorf("user pool %s in %s is not a replica and has no replica_status", p.ID, name)
				}
				continue
			}
			primary := a.region(p.home()).pool(p.ID)
			switch {
			case primary == nil:
				return fmt.Errorf("user pool %s in %s is a replica, but there is no such pool in %s", p.ID, name, p.home())
			case len(a.replicas(p.ID)) > 2:
				return fmt.Errorf("user pool %s has more than one replica", p.ID)
			case p.Traffic.any():
				return fmt.Errorf("user pool %s in %s is a replica: it sends only codes at sign-in, and the events of traffic are others", p.ID, name)
			}
			want := *p
			assume(&want.ReplicaStatus, "ACTIVE")
			if err := oneOf("replica_status", want.ReplicaStatus, "CREATING", "INACTIVE", "ACTIVE", "DELETING"); err != nil {
				return fmt.Errorf("user pool %s in %s: %w", p.ID, name, err)
			}
			want.Name, want.Tier, want.AutoVerified, want.Clients, want.Created = primary.Name, primary.Tier, primary.AutoVerified, primary.Clients, primary.Created
			want.Recovery, want.MFA, want.EmailMFA, want.FirstFactors = primary.Recovery, primary.MFA, primary.EmailMFA, primary.FirstFactors
			want.Settings = replicated(p.Settings, primary.Settings)
			if !reflect.DeepEqual(*p, want) { // A fleet that is served is not written to.
				*p = want
			}
		}
	}
	return nil
}

func (r *Region) complete(account, region string) error {
	if err := cmp.Or(oneOf("enforcement", r.SES.Enforcement, "HEALTHY", "PROBATION", "SHUTDOWN"),
		oneOf("review", r.SES.Review, "", "PENDING", "FAILED", "GRANTED", "DENIED")); err != nil {
		return err
	}
	identities := map[string]bool{}
	for n := range r.Identities {
		i := &r.Identities[n]
		if i.Name == "" || identities[i.Name] {
			return fmt.Errorf("identity %q has no name, or is a duplicate", i.Name)
		}
		identities[i.Name] = true
		if err := i.complete(); err != nil {
			return fmt.Errorf("identity %s: %w", i.Name, err)
		}
	}
	pools := map[string]bool{}
	for i := range r.Pools {
		p := &r.Pools[i]
		p.complete(account, region)
		if !poolID.MatchString(p.ID) || !isRegion(p.home()) || pools[p.ID] {
			return fmt.Errorf("user pool id %q is not a region, _, and letters or digits, or is a duplicate", p.ID)
		}
		pools[p.ID] = true
		if err := p.check(); err != nil {
			return fmt.Errorf("user pool %s: %w", p.ID, err)
		}
	}
	return r.checkHistory()
}

func (i *Identity) complete() error {
	if identityType(i.Name) == "DOMAIN" {
		assume(&i.DKIM, i.Status)
	}
	assume(&i.DKIM, "NOT_STARTED")
	m := &i.MailFrom
	if m.Domain != "" {
		assume(&m.Status, "SUCCESS")
	}
	assume(&m.OnFailure, "USE_DEFAULT_VALUE")
	if i.Policies == nil {
		i.Policies = map[string]string{}
	}
	return cmp.Or(
		oneOf("status", i.Status, "SUCCESS", "PENDING", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED"),
		oneOf("dkim", i.DKIM, "SUCCESS", "PENDING", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED"),
		oneOf("mail_from.status", m.Status, "", "SUCCESS", "PENDING", "FAILED", "TEMPORARY_FAILURE"),
		oneOf("mail_from.on_failure", m.OnFailure, "USE_DEFAULT_VALUE", "REJECT_MESSAGE"))
}

// home is the region of the primary pool, with which the ID begins.
func (p *Pool) home() string {
	region, _, _ := strings.Cut(p.ID, "_")
	return region
}

func (p *Pool) complete(account, region string) {
	assume(&p.ID, region+"_"+base32.StdEncoding.EncodeToString(digest(account, region, p.Name))[:9])
	assume(&p.Mode, "COGNITO_DEFAULT")
	assume(&p.Tier, "ESSENTIALS")
	assume(&p.MFA, "OFF")
	if p.Recovery == nil {
		p.Recovery = []string{"verified_email", "verified_phone_number"}
	}
	if p.FirstFactors == nil {
		p.FirstFactors = []string{"PASSWORD"}
	}
	if p.Clients == nil {
		p.Clients = []Client{{Name: "web"}}
	}
	for i := range p.Clients {
		c := &p.Clients[i]
		assume(&c.ID, hex.EncodeToString(digest(p.ID, c.Name))[:26])
	}
	assume(&p.Created, epoch)
	assume(&p.Modified, p.Created)
}

func (p *Pool) check() error {
	errs := []error{
		oneOf("mode", p.Mode, "COGNITO_DEFAULT", "DEVELOPER", modeAbsent), oneOf("mfa", p.MFA, "OFF", "ON", "OPTIONAL"), p.Traffic.check(),
	}
	for _, name := range p.Recovery {
		errs = append(errs, oneOf("recovery", name, "verified_email", "verified_phone_number", "admin_only"))
	}
	for _, name := range p.FirstFactors {
		errs = append(errs, oneOf("first_factors", name, "PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"))
	}
	for _, name := range p.LogDelivery {
		errs = append(errs, oneOf("log_delivery", name, "userNotification", "userAuthEvents"))
	}
	return cmp.Or(errs...)
}

func digest(parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return sum[:]
}

func oneOf(what, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q, allowed are %s", what, value, strings.Join(allowed, ", "))
}

// find returns the first item that fits, or nil.
func find[T any](items []T, fits func(*T) bool) *T {
	for i := range items {
		if fits(&items[i]) {
			return &items[i]
		}
	}
	return nil
}

// account returns the account of that ID, or nil.
func (f *Fleet) account(id string) *Account {
	return find(f.Accounts, func(a *Account) bool { return a.ID == id })
}

// region returns what the account has in the region, which may be nothing.
func (a *Account) region(name string) *Region {
	if r := a.Regions[name]; r != nil {
		return r
	}
	return &Region{SES: newSES()}
}

// pool returns the pool of that ID, or nil.
func (r *Region) pool(id string) *Pool {
	return find(r.Pools, func(p *Pool) bool { return p.ID == id })
}

// age dates pools that have no date of their own before now, where the clock of
// a test is one of long ago.
func (f *Fleet) age(now time.Time) {
	for i := range f.Accounts {
		for _, r := range f.Accounts[i].Regions {
			for j := range r.Pools {
				if p := &r.Pools[j]; p.Created.Equal(epoch) && p.Modified.Equal(epoch) && epoch.After(now) {
					p.Created = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
					p.Modified = p.Created
				}
			}
			r.ageByHistory(now)
		}
	}
}

// touch dates the pools that differ from before, as UpdateUserPool does.
func (f *Fleet) touch(old *Fleet, now time.Time) {
	for i := range f.Accounts {
		account := old.account(f.Accounts[i].ID)
		for name, r := range f.Accounts[i].Regions {
			for j := range r.Pools {
				p := &r.Pools[j]
				if account == nil || account.region(name).pool(p.ID) == nil {
					continue
				}
				before := account.region(name).pool(p.ID)
				if p.Modified = before.Modified; !reflect.DeepEqual(p, before) {
					p.Modified = now
				}
			}
		}
	}
}

// optIn are the regions that are off until an account switches them on.
var optIn = map[string]bool{
	"af-south-1": true, "ap-east-1": true, "ap-east-2": true, "ap-south-2": true, "ap-southeast-3": true,
	"ap-southeast-4": true, "ap-southeast-5": true, "ap-southeast-6": true, "ap-southeast-7": true,
	"ca-west-1": true, "eu-central-2": true, "eu-south-1": true, "eu-south-2": true, "il-central-1": true,
	"me-central-1": true, "me-south-1": true, "mx-central-1": true,
}

// defaultRegions are those that no account can switch off.
var defaultRegions = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
	"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
	"us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// otherPartitions are regions outside of the partition aws.
var otherPartitions = []string{"us-gov-east-1", "us-gov-west-1", "eusc-de-east-1"}

func isRegion(name string) bool {
	return optIn[name] || slices.Contains(defaultRegions, name) || slices.Contains(otherPartitions, name)
}

// enabled reports whether the region is switched on for the account.
func (a *Account) enabled(region string) bool {
	if slices.Contains(a.DisabledRegions, region) {
		return false
	}
	return !optIn[region] || a.Regions[region] != nil
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	default:
		return "aws"
	}
}
