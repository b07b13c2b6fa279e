package awssim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	// DisabledRegions are switched off. So is every opt-in region that is not in Regions.
	DisabledRegions []string           `yaml:"disabled_regions,omitempty"`
	Regions         map[string]*Region `yaml:"regions,omitempty"`
}

// Region is what an account has in one region.
type Region struct {
	SES               SES        `yaml:"ses"`
	Identities        []Identity `yaml:"identities,omitempty"`
	ConfigurationSets []string   `yaml:"configuration_sets,omitempty"`
	Pools             []Pool     `yaml:"pools,omitempty"`
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
}

// Identity is an address or domain in SES.
type Identity struct {
	Name             string `yaml:"name"`
	Status           string `yaml:"status,omitempty"` // SUCCESS, PENDING, FAILED, TEMPORARY_FAILURE or NOT_STARTED
	Verified         bool   `yaml:"verified"`         // VerifiedForSendingStatus; as status SUCCESS, if not given
	SendingEnabled   bool   `yaml:"sending_enabled"`  // as Verified, if not given
	ErrorType        string `yaml:"error_type,omitempty"`
	ConfigurationSet string `yaml:"configuration_set,omitempty"`
}

// Pool is a user pool.
type Pool struct {
	ID               string            `yaml:"id,omitempty"` // made from the name, if empty
	Name             string            `yaml:"name"`
	Mode             string            `yaml:"mode,omitempty"` // EmailSendingAccount: COGNITO_DEFAULT or DEVELOPER
	SourceARN        string            `yaml:"source_arn,omitempty"`
	From             string            `yaml:"from,omitempty"`
	ReplyTo          string            `yaml:"reply_to,omitempty"`
	ConfigurationSet string            `yaml:"configuration_set,omitempty"`
	CustomSender     string            `yaml:"custom_sender,omitempty"` // ARN of the CustomEmailSender Lambda
	Tier             string            `yaml:"tier,omitempty"`          // LITE, ESSENTIALS or PLUS
	AutoVerified     []string          `yaml:"auto_verified"`           // [email], if not given
	Tags             map[string]string `yaml:"tags,omitempty"`
	Clients          []Client          `yaml:"clients,omitempty"` // one, if none is given
	Traffic          Traffic           `yaml:"traffic,omitempty"`
	Created          time.Time         `yaml:"created,omitempty"`
	Modified         time.Time         `yaml:"modified,omitempty"` // moves when a new fleet changes the pool
}

// Client is an app client of a user pool.
type Client struct {
	ID   string `yaml:"id,omitempty"` // made from the name, if empty
	Name string `yaml:"name"`
}

// UnmarshalYAML implements yaml.Unmarshaler with the state of a new account
// for what is not given.
func (r *Region) UnmarshalYAML(n *yaml.Node) error {
	type plain Region
	p := plain{SES: newSES()}
	err := decodeStrict(n, &p)
	*r = Region(p)
	return err
}

func newSES() SES {
	return SES{SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 200, MaxSendRate: 1}
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *SES) UnmarshalYAML(n *yaml.Node) error {
	type plain SES
	p := plain(newSES())
	if err := decodeStrict(n, &p); err != nil {
		return err
	}
	if p.ProductionAccess {
		p = plain(newSES())
		p.Review, p.Max24HourSend, p.MaxSendRate = "GRANTED", 50000, 14
		if err := n.Decode(&p); err != nil {
			return err
		}
	}
	*s = SES(p)
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (i *Identity) UnmarshalYAML(n *yaml.Node) error {
	type plain Identity
	p := plain{Status: "SUCCESS"}
	if err := decodeStrict(n, &p); err != nil {
		return err
	}
	p.Verified = p.Status == "SUCCESS"
	if err := n.Decode(&p); err != nil {
		return err
	}
	p.SendingEnabled = p.Verified
	err := n.Decode(&p)
	*i = Identity(p)
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *Pool) UnmarshalYAML(n *yaml.Node) error {
	type plain Pool
	v := plain{AutoVerified: []string{"email"}}
	err := decodeStrict(n, &v)
	*p = Pool(v)
	return err
}

// decodeStrict decodes a mapping and refuses keys that v does not have, which
// a node of its own does not do.
func decodeStrict(n *yaml.Node, v any) error {
	if n.Kind == yaml.MappingNode {
		known := map[string]bool{}
		t := reflect.TypeOf(v).Elem()
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			known[name] = true
		}
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; !known[key.Value] && key.Value != "<<" {
				return fmt.Errorf("line %d: unknown key %q", key.Line, key.Value)
			}
		}
	}
	return n.Decode(v)
}

// ParseFleet reads a fleet from YAML or JSON. Unknown keys and values that AWS
// does not have are errors.
func ParseFleet(data []byte) (*Fleet, error) {
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		var v any
		if err := json.Unmarshal(trimmed, &v); err != nil {
			return nil, fmt.Errorf("the fleet is not valid JSON: %w", err)
		}
		var err error
		if data, err = yaml.Marshal(v); err != nil {
			return nil, err
		}
	}
	f := &Fleet{}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the fleet is not valid: %w", err)
	}
	if err := f.complete(); err != nil {
		return nil, fmt.Errorf("the fleet is not valid: %w", err)
	}
	return f, nil
}

// JSON returns the fleet in the form that ParseFleet reads.
func (f *Fleet) JSON() ([]byte, error) {
	data, err := yaml.Marshal(f)
	if err != nil {
		return nil, err
	}
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	poolID    = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)
	epoch     = time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC) // when what has no date was created
)

// complete fills in what was not given and checks the rest.
func (f *Fleet) complete() error {
	if f.DefaultQuota.Limit == 0 {
		f.DefaultQuota.Limit = 50
	}
	if f.DefaultQuota.Scope == "" {
		f.DefaultQuota.Scope = scopeAccountRegion
	}
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
			return fmt.Errorf("account id %q is not 12 digits, or is there twice", a.ID)
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
	}
	return nil
}

func (r *Region) complete(account, region string) error {
	if err := oneOf("enforcement", r.SES.Enforcement, "HEALTHY", "PROBATION", "SHUTDOWN"); err != nil {
		return err
	}
	if err := oneOf("review", r.SES.Review, "", "PENDING", "FAILED", "GRANTED", "DENIED"); err != nil {
		return err
	}
	identities := map[string]bool{}
	for _, i := range r.Identities {
		if i.Name == "" || identities[i.Name] {
			return fmt.Errorf("identity %q has no name, or is there twice", i.Name)
		}
		identities[i.Name] = true
		if err := oneOf("status", i.Status, "SUCCESS", "PENDING", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED"); err != nil {
			return fmt.Errorf("identity %s: %w", i.Name, err)
		}
	}
	pools := map[string]bool{}
	for i := range r.Pools {
		p := &r.Pools[i]
		p.complete(account, region)
		if !poolID.MatchString(p.ID) || !strings.HasPrefix(p.ID, region+"_") || pools[p.ID] {
			return fmt.Errorf("user pool id %q is not %s_ and letters or digits, or is there twice", p.ID, region)
		}
		pools[p.ID] = true
		if err := oneOf("mode", p.Mode, "COGNITO_DEFAULT", "DEVELOPER"); err != nil {
			return fmt.Errorf("user pool %s: %w", p.ID, err)
		}
		if err := p.Traffic.check(); err != nil {
			return fmt.Errorf("user pool %s: %w", p.ID, err)
		}
	}
	return nil
}

func (p *Pool) complete(account, region string) {
	if p.ID == "" {
		p.ID = region + "_" + base32.StdEncoding.EncodeToString(digest(account, region, p.Name))[:9]
	}
	if p.Mode == "" {
		p.Mode = "COGNITO_DEFAULT"
	}
	if p.Tier == "" {
		p.Tier = "ESSENTIALS"
	}
	if p.Clients == nil {
		p.Clients = []Client{{Name: "web"}}
	}
	for i := range p.Clients {
		if c := &p.Clients[i]; c.ID == "" {
			c.ID = hex.EncodeToString(digest(p.ID, c.Name))[:26]
		}
	}
	if p.Created.IsZero() {
		p.Created = epoch
	}
	if p.Modified.IsZero() {
		p.Modified = p.Created
	}
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

// account returns the account of that ID, or nil.
func (f *Fleet) account(id string) *Account {
	i := slices.IndexFunc(f.Accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &f.Accounts[i]
}

// region returns what the account has in the region, which may be nothing.
func (a *Account) region(name string) *Region {
	if r := a.Regions[name]; r != nil {
		return r
	}
	return &Region{SES: newSES()}
}

// touch dates the pools that differ from before, as UpdateUserPool does.
func (f *Fleet) touch(before *Fleet, now time.Time) {
	for i := range f.Accounts {
		old := before.account(f.Accounts[i].ID)
		if old == nil {
			continue
		}
		for name, r := range f.Accounts[i].Regions {
			pools := map[string]Pool{}
			for _, p := range old.region(name).Pools {
				pools[p.ID] = p
			}
			for j := range r.Pools {
				p := &r.Pools[j]
				was, ok := pools[p.ID]
				was.Modified = p.Modified
				switch {
				case !ok:
				case !reflect.DeepEqual(*p, was):
					p.Modified = now
				default:
					p.Modified = pools[p.ID].Modified
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
