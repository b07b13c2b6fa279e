package propose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// State is how a check ended.
type State string

// The states. What is unknown has to be looked at by a person.
const (
	Passed  State = "passed"
	Failed  State = "failed"
	Unknown State = "unknown"
)

// Check is something that has to be true before the document is applied.
type Check struct {
	Name  string // what has to be true
	State State
	Text  string // what was found, and what to do; empty when there is nothing to say
}

// reasonChecks say of each reason of a verdict what has to be true instead, and
// what to do when it is not. SES stands for the region that the pool is to send
// through.
var reasonChecks = map[inventory.Reason]struct{ name, remedy string }{
	inventory.IdentityMissing:          {"The identity exists", "Create it in SES, or choose another one."},
	inventory.IdentityUnverified:       {"The identity is verified", "Publish the DNS records that SES names, or answer its e-mail."},
	inventory.CrossAccountIdentity:     {"The identity belongs to the pool's account", "Cognito sends only as identities of the pool's own account."},
	inventory.UnsupportedRegion:        {"The pool may send through the identity's region", "Use an identity in a region that AWS allows for pools of this region."},
	inventory.FromMismatch:             {"The From address belongs to the identity", "Give --from an address of the identity."},
	inventory.SendingPolicyMissing:     {"The identity's sending policies let Cognito send", "Add a policy to the identity that allows the pool's service ses:SendEmail and ses:SendRawEmail, or remove the one that denies it."},
	inventory.MailFromRejects:          {"The identity's MAIL FROM domain works", "Publish its MX record, or let SES fall back to its own domain."},
	inventory.ConfigurationSetMissing:  {"The configuration set exists", "Create it in that region, or give another --configuration-set."},
	inventory.ConfigurationSetDisabled: {"The configuration set is enabled for sending", "Resume its sending, or give another --configuration-set."},
	inventory.Sandbox:                  {"SES has production access", "Ask for production access to SES in that region."},
	inventory.SendingDisabled:          {"Sending is enabled in SES", "Resume sending for the account and the identity."},
	inventory.AccountShutdown:          {"AWS has not shut down sending in SES", "Answer AWS's case about the account's reputation."},
	inventory.SendQuotaReached:         {"The send quota is not used up", "Wait, or ask for a higher send quota."},
	inventory.DefaultQuotaReached:      {"The default quota is not used up", "Wait for the reset."},
}

// irrelevant are the reasons that cannot hold with the mode.
var irrelevant = map[inventory.Mode][]inventory.Reason{
	inventory.ModeDeveloper: {inventory.DefaultQuotaReached},
	inventory.ModeDefault:   {inventory.Sandbox, inventory.AccountShutdown, inventory.SendQuotaReached},
}

// checkReasons returns a check for every reason of the verdict.
func checkReasons(p *inventory.Pool) []Check {
	var checks []Check
	for _, r := range inventory.Reasons() {
		aboutSet := r == inventory.ConfigurationSetMissing || r == inventory.ConfigurationSetDisabled
		if slices.Contains(irrelevant[p.Settings.Mode], r) || aboutSet && p.ConfigurationSet == "" && p.Holds(r) == inventory.No {
			continue
		}
		words, ok := reasonChecks[r]
		if !ok {
			words.name = "Not " + strings.ReplaceAll(string(r), "_", " ")
		}
		c := Check{Name: words.name, State: Passed}
		switch p.Holds(r) {
		case inventory.Yes:
			c.State, c.Text = Failed, words.remedy
		case inventory.Unknown:
			c.State, c.Text = Unknown, "This could not be found out."
		case inventory.No:
		}
		checks = append(checks, c)
	}
	return checks
}

// checkItself is about an address that only its domain lets send, which is
// enough for SES and not for UpdateUserPool.
func checkItself(p *inventory.Pool) []Check {
	name := p.Settings.Identity.Name
	if name == "" || inventory.CanonicalIdentity(p.Identity) == inventory.CanonicalIdentity(name) {
		return nil
	}
	return []Check{{
		"The SourceArn names an identity of its own", Failed,
		fmt.Sprintf("%s is covered by %s and is no identity: UpdateUserPool refuses it. Give --identity the ARN of %s, and --from the address.", segment(name), segment(p.Identity), segment(p.Identity)),
	}}
}

// checkVolume compares what is left of the send quota with what the pool may
// send in a day: with the built-in sender no more than its quota, with SES no
// more than the whole account did.
func checkVolume(p *inventory.Pool, before *inventory.Pool, policy inventory.Policy) []Check {
	if p.Settings.Mode != inventory.ModeDeveloper {
		return nil
	}
	c := Check{Name: "The send quota is enough for the pool's e-mail", State: Unknown}
	quota := p.Quota
	switch {
	case !quota.Known:
		c.Text = "The send quota could not be read."
	case quota.Unlimited():
		c.State, c.Text = Passed, "The send quota has no limit."
	default:
		left := fmt.Sprintf("%.0f of %.0f e-mails are left of the last 24 hours. ", quota.Headroom(), quota.Limit)
		volume, known := 0.0, false
		switch {
		case before.Settings.SESRegion() == p.Settings.SESRegion():
			c.State, c.Text = Passed, left+"The pool's e-mail is part of what was sent."
			return []Check{c}
		case before.Settings.SendsDefault() && policy.Limit > 0:
			volume, known = policy.Limit, true
			c.Text = fmt.Sprintf("The built-in sender sent at most %.0f a day.", volume)
		case before.Quota.Kind == inventory.QuotaSend && before.Quota.Known:
			volume, known = before.Quota.Used, true
			c.Text = fmt.Sprintf("The present SES account sent %.0f, for all its senders together.", volume)
		default:
			c.Text = "How much the pool sends is not known."
		}
		c.Text = left + c.Text
		if known && quota.Headroom() >= volume {
			c.State = Passed
		}
	}
	return []Check{c}
}

// checkRole is about the role by which Cognito uses SES.
func checkRole(p, before *inventory.Pool) []Check {
	if p.Settings.Mode != inventory.ModeDeveloper {
		return nil
	}
	c := Check{Name: "The service-linked role AWSServiceRoleForAmazonCognitoIdpEmailService exists", State: Passed}
	if before.Settings.Mode != inventory.ModeDeveloper {
		c.State = Unknown
		c.Text = "Cognito creates it the first time. Whoever applies the document needs iam:CreateServiceLinkedRole for email.cognito-idp.amazonaws.com."
	}
	return []Check{c}
}

// count returns the number of checks in the state.
func count(checks []Check, state State) (n int) {
	for _, c := range checks {
		if c.State == state {
			n++
		}
	}
	return n
}

// ordered returns the checks with the failed ones first, then the unknown ones.
func ordered(checks []Check) []Check {
	order := []State{Failed, Unknown, Passed}
	checks = slices.Clone(checks)
	slices.SortStableFunc(checks, func(a, b Check) int { return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)) })
	return checks
}
