package propose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Wish is what a person asks for. What is empty is chosen.
type Wish struct {
	Mode             inventory.Mode // ModeDeveloper or ModeDefault
	Identity         string         // ARN of an SES identity
	From             string
	ConfigurationSet *string // nil leaves it to the program; empty is none
}

// Validate says what makes no sense in the wish.
func (w Wish) Validate() error {
	if w.Identity != "" {
		if _, ok := inventory.ParseSourceARN(w.Identity); !ok {
			return fmt.Errorf("--identity must be the ARN of an SES identity, as arn:aws:ses:REGION:ACCOUNT:identity/NAME, not %s", quoted(w.Identity))
		}
	}
	if w.From != "" && !strings.Contains(inventory.Address(w.From), "@") {
		return fmt.Errorf("--from must be an e-mail address or Name <address>, not %s", quoted(w.From))
	}
	if w.Mode == inventory.ModeDefault && w.From != "" && w.Identity == "" {
		return errors.New("--from needs --identity with --mode=COGNITO_DEFAULT")
	}
	return nil
}

// Described is a user pool with what the exporter takes from its description.
type Described struct {
	*Pool
	inventory.UserPool
	Target inventory.Target
}

// Regions returns the SES regions to look for identities in.
func (w Wish) Regions(d Described) []string {
	regions := slices.Clone(d.Settings.Regions) // What the pool sends through now.
	if identity, ok := inventory.ParseSourceARN(w.Identity); ok {
		e := inventory.EmailConfiguration{Mode: w.Mode, SourceARN: w.Identity}
		if identity.AccountID == d.Target.AccountID {
			regions = append(regions, inventory.NewSender(d.Target.Key(), e).Regions...)
		}
	} else if w.Mode == inventory.ModeDeveloper {
		regions = append(regions, inventory.SESRegions(d.Target.Region)...)
	}
	slices.Sort(regions)
	return slices.DeleteFunc(slices.Compact(regions), func(r string) bool { return !inventory.HasSES(r) })
}

// Candidates returns the e-mail configurations that fit the wish, best first.
// The readings are those of the account's SES regions.
func (w Wish) Candidates(d Described, readings []inventory.Reading) []inventory.EmailConfiguration {
	present := d.Settings.EmailConfiguration
	base := inventory.EmailConfiguration{Mode: w.Mode, ReplyTo: present.ReplyTo}
	switch {
	case w.Identity != "":
		identity, _ := inventory.ParseSourceARN(w.Identity)
		return []inventory.EmailConfiguration{w.as(d, base, w.Identity, identity.Name)}
	case w.Mode == inventory.ModeDefault:
		return []inventory.EmailConfiguration{w.withSet(d, base)}
	}
	type candidate struct {
		inventory.EmailConfiguration
		region string
		rank   []int
	}
	var all []candidate
	allowed := inventory.SESRegions(d.Target.Region)
	for _, r := range readings {
		for _, i := range r.Identities {
			region := slices.Index(allowed, r.Target.Region)
			if i.Missing || region < 0 {
				continue
			}
			arn := fmt.Sprintf("arn:%s:ses:%s:%s:identity/%s", inventory.Partition(r.Target.Region), r.Target.Region, r.Target.AccountID, i.Name)
			e := w.as(d, base, arn, i.Name)
			if w.From != "" && !inventory.Covers(i.Name, w.From) {
				continue
			}
			all = append(all, candidate{e, r.Target.Region, []int{
				rank(i.Verified == inventory.Yes), rank(strings.EqualFold(arn, present.SourceARN)), rank(e.From != "" && e.From == present.From), region,
				rank(!strings.Contains(i.Name, "@")), strings.Count(i.Name, "."),
			}})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(slices.Compare(a.rank, b.rank), strings.Compare(a.SourceARN, b.SourceARN))
	})
	list := make([]inventory.EmailConfiguration, 0, len(all))
	inRegion := map[string]int{}
	for _, c := range all {
		if inRegion[c.region]++; inRegion[c.region] <= maxCandidates {
			list = append(list, c.EmailConfiguration)
		}
	}
	return list
}

// maxCandidates is how many identities of a region are considered.
const maxCandidates = 50

// rank puts what is better first.
func rank(better bool) int {
	if better {
		return 0
	}
	return 1
}

// as returns the configuration to send as the identity.
func (w Wish) as(d Described, e inventory.EmailConfiguration, arn, name string) inventory.EmailConfiguration {
	e.SourceARN, e.From = arn, w.From
	if present := d.Settings.From; e.From == "" && inventory.Covers(name, present) {
		e.From = present
	}
	if e.From == "" && !strings.Contains(name, "@") {
		e.From = "no-reply@" + strings.ToLower(name)
	}
	return w.withSet(d, e)
}

// withSet adds the configuration set: the wanted one, or the present one where
// the pool stays in its SES region.
func (w Wish) withSet(d Described, e inventory.EmailConfiguration) inventory.EmailConfiguration {
	present, next := &d.Settings.Sender, inventory.NewSender(d.Target.Key(), e)
	switch {
	case w.ConfigurationSet != nil:
		e.ConfigurationSet = *w.ConfigurationSet
	case present.SESRegion() != "" && present.SESRegion() == next.SESRegion():
		e.ConfigurationSet = present.ConfigurationSet
	}
	return e
}

// Try judges the pool as if it had the e-mail configuration. Readings are of the
// account's SES regions; the pool's own region may be one of them.
func (d Described) Try(at time.Time, e inventory.EmailConfiguration, readings []inventory.Reading, policy inventory.Policy) *inventory.Pool {
	own := d.reading(e)
	all := slices.Clone(readings)
	i := slices.IndexFunc(all, func(r inventory.Reading) bool { return r.Target.Key() == d.Target.Key() })
	if i < 0 {
		all = append(all, own)
	} else {
		all[i].Pools, all[i].PoolsListed, all[i].Target.SESOnly = own.Pools, own.PoolsListed, false
	}
	return inventory.Judge(at, all, policy).Pool(d.Target.Region, d.ID)
}

// reading is that of the pool alone, with the e-mail configuration.
func (d Described) reading(e inventory.EmailConfiguration) inventory.Reading {
	settings := *d.Settings
	settings.Sender = inventory.NewSender(d.Target.Key(), e)
	up := d.UserPool
	up.Settings = &settings
	return inventory.Reading{Target: d.Target, Pools: []inventory.UserPool{up}, PoolsListed: up.Confirmed, Start: up.Confirmed, End: up.Confirmed}
}

// maxDetailed is how many candidates are looked at closely, which SES answers
// one in a second.
const maxDetailed = 10

// Needs returns what has to be read of SES to judge the candidates: the best of
// those that nothing known speaks against, or the one that a person chose.
func (w Wish) Needs(at time.Time, d Described, readings []inventory.Reading, policy inventory.Policy) []inventory.Need {
	var closer []inventory.Reading
	for _, e := range w.Candidates(d, readings) {
		if w.decided() || len(closer) < maxDetailed && len(d.Try(at, e, readings, policy).Blocked()) == 0 {
			closer = append(closer, d.reading(e))
		}
	}
	return inventory.Needs(closer...)
}

// decided reports whether a person chose what to send as.
func (w Wish) decided() bool { return w.Identity != "" || w.Mode == inventory.ModeDefault }

// Choose makes the proposal of the best candidate with which the pool can send to
// any recipient, or of what a person chose, whatever the verdict. An error is a
// NothingFits. Readings are of the account's SES regions.
func (w Wish) Choose(at time.Time, d Described, readings []inventory.Reading, policy inventory.Policy) (*Proposal, error) {
	before := d.Try(at, d.Settings.EmailConfiguration, readings, policy)
	var best *Proposal
	var refused []*inventory.Pool
	for _, e := range w.Candidates(d, readings) {
		pool := d.Try(at, e, readings, policy)
		if !w.decided() && pool.Ready != inventory.Yes {
			refused = append(refused, pool)
			continue
		}
		volume := checkVolume(pool, before, policy)
		if enough := count(volume, Passed) == len(volume); best == nil || enough {
			best = d.propose(e, slices.Concat(checkReasons(pool), checkItself(pool), volume, checkRole(pool, before)))
			if enough {
				break
			}
		}
	}
	if best == nil {
		return nil, &NothingFits{Pool: d.ID + " in " + d.Target.Region, Reasons: w.reasons(d, refused, readings)}
	}
	return best, nil
}

// NothingFits is that no identity lets a pool send.
type NothingFits struct {
	Pool    string
	Reasons []string
}

func (e *NothingFits) Error() string {
	return "no identity lets " + e.Pool + " send to any recipient:\n  " + strings.Join(e.Reasons, "\n  ")
}

// maxReasons is how many identities are named that do not fit.
const maxReasons = 20

func (w Wish) reasons(d Described, refused []*inventory.Pool, readings []inventory.Reading) []string {
	var lines []string
	tried := map[string]bool{}
	for i, p := range refused {
		tried[p.Settings.Identity.Region] = true
		if i >= maxReasons {
			continue
		}
		why := p.Blocked()
		if len(why) == 0 {
			why = p.Undecided()
		}
		var words []string
		for _, r := range why {
			if p.Holds(r) == inventory.Unknown {
				r += " unknown"
			}
			words = append(words, string(r))
		}
		lines = append(lines, fmt.Sprintf("%s: identity %s: %s", p.Settings.Identity.Region, segment(p.Settings.Identity.Name), strings.Join(words, ", ")))
	}
	if more := len(refused) - maxReasons; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	for _, r := range readings {
		switch region := r.Target.Region; {
		case !slices.Contains(inventory.SESRegions(d.Target.Region), region), tried[region]:
		case r.IdentitiesListed.IsZero():
			lines = append(lines, region+": the identities could not be read")
		case w.From != "":
			lines = append(lines, region+": no identity covers the From address "+quoted(w.From))
		default:
			lines = append(lines, region+": no identities")
		}
	}
	if len(inventory.SESRegions(d.Target.Region)) == 0 {
		lines = append(lines, "AWS does not say through which SES regions pools of "+d.Target.Region+" can send; give --identity")
	}
	return lines
}
