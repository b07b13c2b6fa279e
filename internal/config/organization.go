package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// Organization says which accounts of an AWS organization are read, besides
// those that are listed.
type Organization struct {
	RoleARN         string         `yaml:"role_arn,omitempty"` // that lists the accounts; empty: the ambient credentials
	ExternalID      Secret         `yaml:"external_id,omitempty"`
	MemberRoleName  string         `yaml:"member_role_name"` // with its path; empty: no organization
	RefreshInterval model.Duration `yaml:"refresh_interval"`
	OUs             bool           `yaml:"ous"`  // show the organizational units
	Tags            []string       `yaml:"tags"` // of accounts; see [Organization.TagLabels]
	Include         AccountFilter  `yaml:"include"`
	Exclude         AccountFilter  `yaml:"exclude"`
}

// Enabled reports whether there is an organization.
func (o *Organization) Enabled() bool { return o.MemberRoleName != "" }

// TagLabels returns the tags of accounts that become labels, in the order of
// the file.
func (o *Organization) TagLabels() []TagLabel { return tagLabels(o.Tags) }

// AccountFilter picks accounts.
type AccountFilter struct {
	IDs   []string `yaml:"ids"`
	Names []Regexp `yaml:"names"`
	OUs   []string `yaml:"ous"`  // IDs or paths
	Tags  []string `yaml:"tags"` // KEY or KEY=VALUE
}

// MatchesName reports whether the name fits one of the patterns.
func (f *AccountFilter) MatchesName(name string) bool {
	return slices.ContainsFunc(f.Names, func(r Regexp) bool { return r.MatchString(name) })
}

// Regions are regions, or one word that says how they are found.
type Regions []string

// The words for regions that are found.
const (
	RegionsAll  = "all"  // those that are on in the account
	RegionsAuto = "auto" // of those, the ones with user pools
)

// Found reports whether the regions have to be found, and if so whether only
// those with user pools are meant.
func (r Regions) Found() (found, auto bool) {
	return len(r) == 1 && isWord(r[0]), len(r) == 1 && r[0] == RegionsAuto
}

func isWord(s string) bool { return s == RegionsAll || s == RegionsAuto }

// MarshalYAML returns the regions as they are written.
func (r Regions) MarshalYAML() (any, error) {
	if found, _ := r.Found(); found {
		return r[0], nil
	}
	return []string(r), nil
}

const minRefresh = model.Duration(time.Minute)

var memberRole = regexp.MustCompile(`^(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)

// isUnit reports whether the text can be the ID of an organizational unit, or a
// path of names of units, of which AWS allows five levels.
func isUnit(text string) bool {
	names := strings.Split(text, "/")
	return len(names) <= 5 && !slices.ContainsFunc(names, func(name string) bool { return name == "" || utf8.RuneCountInString(name) > 128 })
}

// isTagMatch reports whether the text can be KEY or KEY=VALUE of a tag.
func isTagMatch(text string) bool {
	key, value, _ := strings.Cut(text, "=")
	return isTagName(key) && tagText.MatchString(value) && utf8.RuneCountInString(value) <= 256
}

// checkOrganization checks the organization. globalSound says that nothing is
// wrong with the regions for all accounts.
func (d *decoder) checkOrganization(c *Config, globalSound bool) {
	o := &c.Organization
	if !d.set(o) || !d.sound(o) {
		return
	}
	switch p := &o.MemberRoleName; {
	case !d.sound(p):
	case !d.set(p):
		d.fail(o, "member_role_name is missing; give the name of the role that the accounts are read with")
	case *p == "":
		return // So an organization is switched off.
	case !memberRole.MatchString(*p):
		d.fail(p, "member_role_name must be the name of a role such as cognito-ses-exporter or monitoring/cognito-ses-exporter, not %s", yamlfile.Quote(*p))
	}
	d.checkExternalID(&o.ExternalID)
	part := d.checkRoleARN(&o.RoleARN)
	d.within(&o.RefreshInterval, "refresh_interval", minRefresh, "", maxDuration, "")
	d.checkTags(o.Tags)
	for _, f := range []*AccountFilter{&o.Include, &o.Exclude} {
		d.checkFilter(f)
	}
	if !globalSound {
		return
	}
	if len(c.Regions) == 0 {
		d.fail(o, "the accounts of the organization have no regions; list them under the key regions of the file, or write regions: auto")
	}
	if found, _ := c.Regions.Found(); found || part == nil {
		return
	}
	for i, r := range c.Regions {
		if p := inventory.Partition(r); p != part[1] {
			d.fail(&c.Regions[i], "region %s is in partition %s, but role_arn of the organization is in %s; credentials reach one partition only", r, p, part[1])
		}
	}
}

func (d *decoder) checkFilter(f *AccountFilter) {
	each := func(items []string, valid func(string) bool, must string) {
		for i := range items {
			if p := &items[i]; d.sound(p) && !valid(*p) {
				d.fail(p, "%s, not %s", must, yamlfile.Quote(*p))
			}
		}
	}
	each(f.IDs, accountID.MatchString, "an item of ids must be the 12 digits of an AWS account")
	each(f.OUs, isUnit, "an item of ous must be the ID of an organizational unit, or its path such as Workloads/Prod")
	each(f.Tags, isTagMatch, "an item of tags must be KEY or KEY=VALUE")
}
