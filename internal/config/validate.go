package config

import (
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

const (
	minInterval = model.Duration(10 * time.Second)
	minHistory  = model.Duration(24 * time.Hour)
	maxHistory  = model.Duration(90 * 24 * time.Hour) // CloudTrail's
	maxDuration = model.Duration(365 * 24 * time.Hour)
	maxInterval = model.Duration(90 * 24 * time.Hour) // stale_after, by default three of them, has to be less than maxDuration
	maxTags     = 20                                  // each makes the info series of every pool longer
)

// The patterns are AWS's own.
var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	roleARN    = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):role/(?:[!-~]+/)?[\w+=,.@-]{1,64}$`)
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	// Without the greatest length: a class of Unicode so many times takes megabytes.
	tagText = regexp.MustCompile(`^[\p{L}\p{N}\p{Z}_.:/=+\-@]*$`)
)

const (
	maxExternalID = 1224
	maxAddress    = 256 // alerts carry it
	maxPrice      = 1000
)

var (
	knownRegions = inventory.KnownRegions()
	allRegions   = yamlfile.Join(knownRegions, "and")
	// knownPartitions are those with user pools.
	knownPartitions = func() []string {
		var partitions []string
		for _, r := range knownRegions {
			partitions = append(partitions, inventory.Partition(r))
		}
		slices.Sort(partitions)
		return slices.Compact(partitions)
	}()
)

// check looks for what is wrong with the decoded values, alone and together.
func (d *decoder) check(c *Config) {
	d.checkDurations(c)
	globalSound := d.checkRegions(&c.Regions)
	if c.STSRegion != "" && d.sound(&c.STSRegion) {
		d.checkRegion(&c.STSRegion)
	}
	d.checkAccounts(c, globalSound)
	d.checkOrganization(c, globalSound)
	d.checkTags(c.Tags)
	d.checkBudget(&c.RequestBudgets.Cognito, inventory.APICognito, cognitoQuota)
	d.checkBudget(&c.RequestBudgets.SES, inventory.APISES, sesQuota)
	d.checkBudget(&c.RequestBudgets.CloudWatch, inventory.APICloudWatch, cloudWatchQuota)
	d.checkBudget(&c.RequestBudgets.CloudTrail, inventory.APICloudTrail, cloudTrailQuota)
	d.checkDefaultQuota(&c.DefaultQuota)
	for i := range c.Rules.Files {
		if p := &c.Rules.Files[i]; d.sound(p) && *p == "" {
			d.fail(p, "an item of files must be the path of a rule file, or a pattern such as rules/*.yaml")
		}
	}
	if p := &c.Identities.Show; d.sound(p) && *p != ShowUsed && *p != ShowAll {
		d.fail(p, "show must be %s or %s, not %s", ShowUsed, ShowAll, yamlfile.Quote(string(*p)))
	}
	if p := &c.Alerts.BlindRatio; d.sound(p) && !(*p >= 0 && *p < 1) {
		d.fail(p, "blind_ratio must be at least 0 and less than 1, not %v", *p)
	}
	d.checkAddress(&c.Alerts.Runbooks, "runbooks")
	d.checkAddress(&c.Alerts.Dashboards, "dashboards")
	if p := &c.Prices.CloudWatchMetrics; d.sound(p) && !(*p >= 0 && *p <= maxPrice) {
		d.fail(p, "cloudwatch_metrics must be at least 0 and at most %d, in USD for 1,000 metrics, not %v", maxPrice, *p)
	}
	if p := &c.Prices.Date; d.sound(p) && !isDate(*p) {
		d.fail(p, "date must be like 2026-11 or 2026-11-30, not %s", yamlfile.Quote(*p))
	}
	if p := &c.Identities.Max; d.sound(p) && *p < 1 {
		d.fail(p, "max must be at least 1, not %d", *p)
	}
}

func isDate(s string) bool {
	_, month := time.Parse("2006-01", s)
	_, day := time.Parse(time.DateOnly, s)
	return month == nil || day == nil
}

// checkAddress checks an address to which a path can be added.
func (d *decoder) checkAddress(p *string, key string) {
	if *p == "" || !d.sound(p) {
		return
	}
	u, err := url.Parse(*p)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(*p) > maxAddress {
		d.fail(p, "%s must be an address such as https://example.com/path, without query and fragment, not %s", key, yamlfile.Quote(*p))
	}
}

func (d *decoder) checkDurations(c *Config) {
	d.within(&c.Interval, "interval", minInterval, "", maxInterval, "")
	d.within(&c.ReadyAfter, "ready_after", 0, "", maxDuration, "")
	d.within(&c.Changes.History, "history", minHistory, "", maxHistory, "")
	if d.sound(&c.Interval) { // The others are measured by it, or derived from it.
		d.within(&c.Timeout, "timeout", 0, "", c.Interval, "interval")
		d.within(&c.IdleInterval, "idle_interval", c.Interval, "interval", maxDuration, "")
		d.within(&c.DescribeMaxAge, "describe_max_age", c.Interval, "interval", maxDuration, "")
		d.within(&c.Identities.ListInterval, "list_interval", 0, "", maxDuration, "")
		d.within(&c.Identities.DetailsMaxAge, "details_max_age", 0, "", maxDuration, "")
		d.within(&c.CloudWatch.ListInterval, "list_interval", 0, "", maxDuration, "")
	}
	if d.sound(&c.Interval, &c.Timeout) {
		// Facts are as old as the pass that brings them takes, and the next one comes an interval later.
		d.within(&c.StaleAfter, "stale_after", c.Interval+c.Timeout, "interval and timeout together", maxDuration, "")
		d.within(&c.RequestTimeout, "request_timeout", 0, "", c.Timeout, "timeout")
	}
}

// within checks that a duration is more than 0 and between two limits, which
// have names if other keys set them.
func (d *decoder) within(p *model.Duration, key string, least model.Duration, leastName string, most model.Duration, mostName string) {
	limit := func(limit model.Duration, name string) string {
		if name == "" {
			return limit.String()
		}
		return name + " (" + limit.String() + ")"
	}
	switch {
	case !d.sound(p):
	case *p <= 0:
		d.fail(p, "%s must be more than 0s", key)
	case *p < least:
		d.fail(p, "%s must be at least %s, not %s", key, limit(least, leastName), *p)
	case *p > most:
		d.fail(p, "%s must be at most %s, not %s", key, limit(most, mostName), *p)
	}
}

// checkRegions reports whether every region of the list is known and listed once.
func (d *decoder) checkRegions(regions *Regions) bool {
	sound := d.sound(regions)
	if found, _ := regions.Found(); found {
		return sound
	}
	first := map[string]int{}
	for i := range *regions {
		p := &(*regions)[i]
		line, again := first[*p]
		switch {
		case !d.sound(p):
			sound = false
		case isWord(*p):
			d.fail(p, "%s must be the only value of regions", *p)
			sound = false
		case again:
			d.fail(p, "region %s is listed twice, first on line %d; list it once", yamlfile.Quote(*p), line)
			sound = false
		default:
			first[*p] = d.line(p)
			sound = d.checkRegion(p) && sound
		}
	}
	return sound
}

func (d *decoder) checkRegion(p *string) bool {
	if slices.Contains(knownRegions, *p) {
		return true
	}
	if partition := inventory.Partition(*p); !inventory.HasPools(partition) {
		d.fail(p, "region %s is in partition %s, which has no Cognito user pools", yamlfile.Quote(*p), partition)
		return false
	}
	hint := "allowed are " + allRegions
	if near := d.Nearest(*p, knownRegions); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.fail(p, "unknown region %s; %s", yamlfile.Quote(*p), hint)
	return false
}

// checkAccounts checks each account and all of them against each other.
// globalSound says that nothing is wrong with the regions for all.
func (d *decoder) checkAccounts(c *Config, globalSound bool) {
	if len(c.Accounts) == 0 && globalSound && !c.Organization.Enabled() && d.sound(&c.Accounts) {
		d.checkPartition(c, &Account{})
	}
	first := map[string]int{}
	var ambient *Account
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if !d.sound(a) {
			continue
		}
		if d.checkID(a) {
			if line, again := first[a.ID]; again {
				d.fail(&a.ID, "account %s is listed twice, first on line %d; list it once, with all its regions", a.ID, line)
			} else {
				first[a.ID] = d.line(&a.ID)
			}
		}
		roleSound := d.checkRole(a)
		if a.RoleARN == "" && roleSound {
			if ambient != nil {
				d.fail(a, "role_arn is missing; only one account may omit it, since the ambient credentials "+
					"belong to one account, and the account on line %d omits it", d.line(ambient))
			} else {
				ambient = a
			}
		}
		if !d.checkRegions(&a.Regions) || !globalSound {
			continue
		}
		if len(c.regions(a)) == 0 {
			d.fail(a, "the account has no regions; list them here, or under the key regions of the file for all accounts")
		} else if roleSound {
			d.checkPartition(c, a)
		}
	}
}

func (d *decoder) checkID(a *Account) bool {
	switch {
	case !d.sound(&a.ID):
	case !d.set(&a.ID):
		d.fail(a, "id is missing; give the account's 12 digits")
	case !accountID.MatchString(a.ID):
		d.fail(&a.ID, "id must be the 12 digits of an AWS account, not %s", yamlfile.Quote(a.ID))
	default:
		return true
	}
	return false
}

// checkRole reports whether role_arn is right, or omitted.
func (d *decoder) checkRole(a *Account) bool {
	if p := &a.ExternalID; d.sound(p, &a.RoleARN) && *p != "" && a.RoleARN == "" {
		d.fail(p, "external_id needs role_arn; add it or omit both")
	}
	d.checkExternalID(&a.ExternalID)
	part := d.checkRoleARN(&a.RoleARN)
	if part != nil && d.sound(&a.ID) && a.ID != part[2] && accountID.MatchString(a.ID) {
		d.fail(&a.RoleARN, "role_arn is a role of account %s, but id is %s; they must be the same account", part[2], a.ID)
	}
	return part != nil || d.sound(&a.RoleARN)
}

func (d *decoder) checkExternalID(p *Secret) {
	if id := string(*p); d.sound(p) && id != "" && (len(id) > maxExternalID || !externalID.MatchString(id)) {
		d.fail(p, "external_id must be 2 to %d letters, digits and _+=,.@:/-", maxExternalID)
	}
}

// checkRoleARN returns the parts of role_arn, nil when it is omitted or wrong.
func (d *decoder) checkRoleARN(p *string) []string {
	if !d.sound(p) || *p == "" {
		return nil
	}
	part := roleARN.FindStringSubmatch(*p)
	if part == nil {
		d.fail(p, "role_arn must be like arn:aws:iam::111122223333:role/NAME, not %s", yamlfile.Quote(*p))
		return nil
	}
	if !inventory.HasPools(part[1]) {
		d.fail(p, "role_arn is in partition %s, which has no Cognito user pools", part[1])
		return nil
	}
	if !slices.Contains(knownPartitions, part[1]) {
		d.fail(p, "unknown partition %s in role_arn; allowed are %s", yamlfile.Quote(part[1]), yamlfile.Join(knownPartitions, "and"))
		return nil
	}
	return part
}

// checkPartition checks that all regions of the account, and that of STS, are
// in the partition of its role, or in one at all: credentials reach no other.
func (d *decoder) checkPartition(c *Config, a *Account) {
	regions := c.regions(a)
	if len(regions) == 0 {
		return
	}
	partition, owner := inventory.Partition(regions[0]), "region "+regions[0]
	if a.RoleARN != "" {
		partition, owner = roleARN.FindStringSubmatch(a.RoleARN)[1], "role_arn"
	}
	found, _ := regions.Found()
	if found && a.RoleARN == "" {
		return // It is that of the ambient credentials.
	}
	const why = "region %s is in partition %s, but %s is in %s; "
	for i, r := range regions {
		switch p := inventory.Partition(r); {
		case found, p == partition:
		case len(a.Regions) == 0 && len(c.Accounts) > 0:
			d.fail(a, why+"give the account regions of its own", r, p, owner, partition)
		default:
			d.fail(&regions[i], why+"credentials reach one partition only", r, p, owner, partition)
		}
	}
	if p := inventory.Partition(c.STSRegion); c.STSRegion != "" && d.sound(&c.STSRegion) && p != partition {
		d.fail(&c.STSRegion, "sts_"+why+"credentials reach one partition only", c.STSRegion, p, owner, partition)
	}
}

func (d *decoder) checkTags(tags []string) {
	if len(tags) > maxTags {
		d.fail(&tags[maxTags], "tags has %d names; at most %d are allowed", len(tags), maxTags)
		return
	}
	first := map[string]*string{} // by label
	for i := range tags {
		p := &tags[i]
		if !d.sound(p) {
			continue
		}
		if !isTagName(*p) {
			d.fail(p, "a tag's name must be 1 to 128 letters, digits, spaces and _.:/=+-@, not %s", yamlfile.Quote(*p))
			continue
		}
		label := tagLabel(*p)
		if other, taken := first[label]; taken {
			d.fail(p, "tag %s becomes label %s, as tag %s on line %d does; keep one of them", yamlfile.Quote(*p), label, yamlfile.Quote(*other), d.line(other))
			continue
		}
		first[label] = p
	}
}

// checkBudget checks a number of requests per second against AWS's own quota.
func (d *decoder) checkBudget(p *float64, api string, quota float64) {
	if d.sound(p) && !(*p > 0 && *p <= quota) { // Not a number is neither.
		d.fail(p, "the budget of %s in requests per second must be above 0 and at most %g, AWS's own quota, not %g", api, quota, *p)
	}
}

// checkDefaultQuota checks the limit of the built-in sender. CloudWatch counts
// in periods of five minutes, so that the day has to begin with one.
func (d *decoder) checkDefaultQuota(q *DefaultQuota) {
	if p := &q.Limit; d.sound(p) && *p < 1 {
		d.fail(p, "limit must be at least 1, not %d", *p)
	}
	if p := &q.Scope; d.sound(p) && !slices.Contains(inventory.Scopes(), *p) {
		d.fail(p, "scope must be %s, not %s", yamlfile.Join(inventory.Scopes(), "or"), yamlfile.Quote(string(*p)))
	}
	if p := &q.Reset; d.sound(p) {
		if at, err := p.parse(); err != nil || len(*p) != len("09:00") || at%(5*time.Minute) != 0 {
			d.fail(p, "reset must be a time of day in UTC such as 09:00, in steps of five minutes, not %s", yamlfile.Quote(string(*p)))
		}
	}
}

// isTagName reports whether AWS allows the name for a tag.
func isTagName(name string) bool {
	return name != "" && tagText.MatchString(name) && utf8.RuneCountInString(name) <= 128
}
