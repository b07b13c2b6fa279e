package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Step is one thing to do.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // for a shell; empty where there is none
}

// Link is a page of AWS's console.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// mostNamed is how many pools, or values of a tag, are named where all of them
// would be too many.
const mostNamed = 5

// ownerTags are the words in the name of a tag that says which people a pool
// belongs to.
var ownerTags = []string{"team", "owner", "squad", "contact"}

// ownerTag returns which of the configured tags titles name: the one that says
// which people a pool belongs to, else the first. Empty without tags.
func ownerTag(tags []string) string {
	for _, word := range ownerTags {
		for _, tag := range tags {
			if strings.Contains(strings.ToLower(tag), word) {
				return tag
			}
		}
	}
	if len(tags) == 0 {
		return ""
	}
	return tags[0]
}

// Pools returns the pools of all [Fix.Lists].
func (f *Fix) Pools() []*inventory.Pool {
	var all []*inventory.Pool
	for _, list := range f.Lists() {
		for _, p := range list.Pools {
			all = append(all, p.Pool)
		}
	}
	return all
}

// Owners says, tag by tag, whose the pools are.
func (f *Fix) Owners(tags []string) []Owner {
	var all []Owner
	pools := f.Pools()
	for _, tag := range tags {
		all = append(all, tagged(pools, tag)...)
	}
	return all
}

// Title says what to do and what for. The tags are those that say whose a pool is.
func (f *Fix) Title(tags []string) string { return f.Action() + ": " + f.Effect(tags) }

// Effect says which pools can send once the fix is done, or else what the fix
// has to do with pools.
func (f *Fix) Effect(tags []string) string {
	switch {
	case len(f.Unblocks) > 0:
		return "unblocks " + pools(f.Unblocks, tags)
	case len(f.Maybe) > 0:
		return "may unblock " + pools(f.Maybe, tags)
	case len(f.Partly) == 1:
		return pools(f.Partly, tags) + " needs it and more"
	case len(f.Partly) > 0:
		return pools(f.Partly, tags) + " need it and more"
	case len(f.Concerns) > 0:
		return "concerns " + pools(f.Concerns, tags)
	default:
		return "concerns no pool now"
	}
}

// pools counts the pools and says whose they are, by the tag that titles name.
func pools(list []Pool, tags []string) string {
	counted := "1 pool"
	if len(list) != 1 {
		counted = strconv.Itoa(len(list)) + " pools"
	}
	tag := ownerTag(tags)
	if tag == "" {
		return counted
	}
	all := make([]*inventory.Pool, len(list))
	for i, p := range list {
		all[i] = p.Pool
	}
	var values []string
	for _, o := range tagged(all, tag) {
		if o.Value != "" {
			values = append(values, o.Value)
		}
	}
	if len(values) == 0 {
		return counted
	}
	return counted + " of " + tag + " " + few(values)
}

// few joins the first of the words and says how many more there are.
func few(words []string) string {
	if more := len(words) - mostNamed; more > 0 {
		return strings.Join(words[:mostNamed], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(words, ", ")
}

// where names the account, and the region if there is one.
func (f *Fix) where() string {
	account := cmp.Or(f.AccountName, f.AccountID, "an account that is not known") // Which a plan may not tell.
	if f.Region == "" {
		return account
	}
	return f.Region + " of " + account
}

// Action says in a few words what to do.
func (f *Fix) Action() string {
	switch in := f.where(); f.Kind {
	case ProductionAccess:
		verb := "Ask for"
		if f.ses != nil && slices.Contains([]string{"DENIED", "FAILED"}, f.ses.Review) {
			verb = "Ask again for"
		} else if f.ses != nil && f.ses.Review == "PENDING" {
			verb = "Follow up the request for"
		}
		return verb + " production access to SES in " + in
	case ResumeSending:
		return "Have AWS resume SES sending in " + in
	case EnableSending:
		return "Enable SES sending in " + in
	case SendQuota:
		return "Raise the send quota of SES in " + in
	case Reputation:
		return "Reduce the bounces and complaints of SES in " + in
	case CreateIdentity:
		return "Create and verify " + f.Name + " in SES in " + in
	case VerifyIdentity:
		return "Verify " + f.Name + " in SES in " + in
	case EnableIdentity:
		return "Find out why SES does not send as " + f.Name + " in " + in
	case AllowCognito:
		return "Let Cognito send as " + f.Name + " in SES in " + in
	case MailFrom:
		return "Repair the MAIL FROM domain of " + f.Name + " in SES in " + in
	case DKIM:
		return "Repair the DKIM records of " + f.Name + " in SES in " + in
	case CreateSet:
		return "Create the configuration set " + f.Name + " in SES in " + in
	case EnableSet:
		return "Enable sending of the configuration set " + f.Name + " in SES in " + in
	case LeaveDefault:
		return "Move pools in " + in + " from Cognito's built-in sender to SES"
	case ChangeSender:
		return f.changeSender()
	case FollowRule:
		return strings.TrimSuffix(cmp.Or(f.finding.Remedy, f.finding.Summary), ".") + " (" + in + ")"
	}
	return ""
}

// changeSender says what is wrong about the pool's own configuration.
func (f *Fix) changeSender() string {
	p := f.Pools()[0]
	pool := "pool " + cmp.Or(p.Name, p.ID) + " (" + f.where() + ")"
	switch {
	case p.Holds(inventory.CrossAccountIdentity) == inventory.Yes:
		return "Let " + pool + " send as an identity of its own account"
	case p.Holds(inventory.UnsupportedRegion) == inventory.Yes:
		return "Let " + pool + " send through an SES region that it may use"
	case p.Holds(inventory.FromMismatch) == inventory.Yes:
		return "Give " + pool + " a From address of its identity"
	case p.Holds(inventory.IdentityMissing) == inventory.Yes:
		return "Give " + pool + " an identity to send as"
	default:
		return "Give the replica of " + pool + " the sender of its primary"
	}
}

// Steps says how, in order. Whoever follows them needs permissions in the
// account; this program never does any of it.
func (f *Fix) Steps() []Step {
	ses := func(command string, args ...string) string { return shell("aws sesv2 "+command, f.Region, args...) }
	switch f.Kind {
	case ProductionAccess:
		return f.productionAccess(ses)
	case ResumeSending:
		return []Step{
			{"Find out in the support case why AWS paused the sending, and which e-mail caused it.", ses("get-account")},
			{"Remove the cause, and ask in the case for another review.", ""},
			{"Once AWS has ended the pause, make sure that sending is enabled.", ses("put-account-sending-attributes", "--sending-enabled")},
		}
	case EnableSending:
		return []Step{
			{"Find out who disabled it and why.", shell("aws cloudtrail lookup-events", f.Region, option("--lookup-attributes", "AttributeKey=EventName,AttributeValue=PutAccountSendingAttributes"))},
			{"Enable it once the cause is gone.", ses("put-account-sending-attributes", "--sending-enabled")},
		}
	case SendQuota:
		step := Step{"Ask for a higher quota, or wait: it counts the last 24 hours.", ""}
		if f.ses != nil && f.ses.Quota.Finite() {
			step.Text = fmt.Sprintf("Ask for a higher quota than %.0f e-mails, or wait: it counts the last 24 hours.", f.ses.Quota.Limit)
			step.Command = shell("aws service-quotas request-service-quota-increase", f.Region,
				option("--service-code", "ses"), option("--quota-code", "L-804C8AE8"), option("--desired-value", strconv.FormatFloat(2*f.ses.Quota.Limit, 'f', -1, 64)))
		}
		return []Step{{"Find out what else sends through this account and region, such as newsletters, and stop what can wait.", ""}, step}
	case Reputation:
		return []Step{
			{"Find out which e-mail bounces or is marked as spam, by configuration set and by the addresses on the account's suppression list.", ses("list-suppressed-destinations")},
			{"Stop that e-mail, and keep what pools send apart from it: a configuration set, better an account, of their own.", ""},
			{"Answer AWS if there is a review, before sending is paused.", ""},
		}
	case CreateIdentity:
		return f.createIdentity(ses)
	case VerifyIdentity:
		return f.verifyIdentity(ses)
	case EnableIdentity:
		return []Step{
			{"Look at what SES says of the identity.", ses("get-email-identity", option("--email-identity", f.Name))},
			{"Verify it again, or ask AWS support why it cannot send.", ""},
		}
	case AllowCognito:
		return f.allowCognito(ses)
	case MailFrom:
		return f.mailFrom(ses)
	case DKIM:
		step := Step{"Publish the DKIM records that SES names.", ses("get-email-identity", option("--email-identity", f.Name), option("--query", "DkimAttributes"))}
		if records := f.records(); records != "" {
			step.Text = "Publish these records in DNS: " + records + "."
		}
		return []Step{step, {"SES looks again by itself within 72 hours.", ""}}
	case CreateSet:
		return f.createSet(ses)
	case EnableSet:
		return []Step{
			{"Find out who disabled it and why: a campaign with many bounces, perhaps.", shell("aws cloudtrail lookup-events", f.Region, option("--lookup-attributes", "AttributeKey=EventName,AttributeValue=PutConfigurationSetSendingOptions"))},
			{"Enable it once the cause is gone.", ses("put-configuration-set-sending-options", option("--configuration-set-name", f.Name), "--sending-enabled")},
		}
	case LeaveDefault, ChangeSender:
		var steps []Step
		if f.nothing {
			steps = []Step{{"Create and verify an identity in an SES region that the pools may use, and ask for production access there: the account is not known to have one that fits all of them.", ""}}
		}
		return append(steps, proposals(f.Pools(), "")...)
	case FollowRule:
		return []Step{{cmp.Or(f.finding.Remedy, f.finding.Summary), ""}}
	}
	return nil
}

func (f *Fix) productionAccess(ses func(string, ...string) string) []Step {
	ask := Step{
		"Ask for production access, and say that the e-mail is codes and invitations that users wait for.",
		ses("put-account-details", "--production-access-enabled", option("--mail-type", "TRANSACTIONAL"), option("--website-url", "URL")),
	}
	wait := Step{"AWS answers in a support case, usually within a day. Look whether it has.", ses("get-account", option("--query", "[ProductionAccessEnabled, Details.ReviewDetails]"))}
	if f.ses == nil {
		return []Step{ask, wait}
	}
	inCase := "in the support case"
	if f.ses.ReviewCase != "" {
		inCase += " " + f.ses.ReviewCase
	}
	switch f.ses.Review {
	case "PENDING":
		return []Step{{"The request is under review. Answer AWS's questions " + inCase + ".", ""}, wait}
	case "DENIED", "FAILED":
		return []Step{{"Read " + inCase + " why the request was " + strings.ToLower(f.ses.Review) + ", and answer there with more detail: which e-mail, to whom, how addresses come in, what happens with bounces.", ""}, wait}
	default:
		return []Step{ask, wait}
	}
}

func (f *Fix) createSet(ses func(string, ...string) string) []Step {
	steps := []Step{{"Create it, unless what names it is wrong.", ses("create-configuration-set", option("--configuration-set-name", f.Name))}}
	var own []*inventory.Pool
	var identities []string
	for _, p := range f.Pools() {
		if p.Settings.ConfigurationSet == f.Name {
			own = append(own, p)
		} else {
			identities = append(identities, p.Identity)
		}
	}
	slices.Sort(identities)
	identities = slices.Compact(identities)
	for _, name := range identities[:min(len(identities), mostNamed)] {
		steps = append(steps, Step{"To take it from the identity " + name + " instead, of which it is the default one.", ses("put-email-identity-configuration-set-attributes", option("--email-identity", name))})
	}
	return append(steps, proposals(own, "To take it from a pool instead, ", option("--configuration-set", ""))...)
}

func (f *Fix) createIdentity(ses func(string, ...string) string) []Step {
	steps := []Step{
		{"Look whether the name is right. If it is wrong in a pool, change the pool instead (the last steps).", ""},
		{"Create the identity.", ses("create-email-identity", option("--email-identity", f.Name))},
		{publish(f.Name), ses("get-email-identity", option("--email-identity", f.Name), option("--query", "[VerificationStatus, DkimAttributes]"))},
	}
	if policy, ok := f.policy(); ok {
		steps = append(steps, policy)
	}
	return append(steps, proposals(f.Pools(), "If another identity is meant, ")...)
}

// publish says how an identity is verified.
func publish(name string) string {
	if strings.Contains(name, "@") {
		return "Follow the link in the e-mail that SES sends to the address."
	}
	return "Publish the DKIM records that SES names, in the DNS of the domain."
}

func (f *Fix) verifyIdentity(ses func(string, ...string) string) []Step {
	look := Step{"Look at what SES says, and which records it wants.", ses("get-email-identity", option("--email-identity", f.Name))}
	if f.used != nil && f.used.ErrorType != "" {
		look.Text = "SES reports " + f.used.ErrorType + ". " + look.Text
	}
	do := Step{publish(f.Name), ""}
	if records := f.records(); records != "" && !strings.Contains(f.Name, "@") {
		do.Text = "Publish these records in DNS: " + records + "."
	}
	return []Step{look, do, {"SES looks again by itself within 72 hours. After that, delete the identity and create it again.", ""}}
}

// records names the DKIM records of the identity; empty when they are not known.
func (f *Fix) records() string {
	if f.used == nil || f.used.Details == nil {
		return ""
	}
	var all []string
	for _, r := range f.used.Details.DKIM.Records {
		all = append(all, r.Name+" "+r.Type+" "+r.Value)
	}
	return strings.Join(all, ", ")
}

func (f *Fix) mailFrom(ses func(string, ...string) string) []Step {
	domain := "MAIL-FROM-DOMAIN"
	if f.used != nil && f.used.Details != nil && f.used.Details.MailFrom.Domain != "" {
		domain = f.used.Details.MailFrom.Domain
	}
	return []Step{
		{"At once: let SES use its own domain as long as the record is missing.", ses("put-email-identity-mail-from-attributes", option("--email-identity", f.Name), option("--mail-from-domain", domain), option("--behavior-on-mx-failure", "USE_DEFAULT_VALUE"))},
		{fmt.Sprintf("Publish exactly one MX record for %s, 10 feedback-smtp.%s.amazonses.com, and the TXT record \"v=spf1 include:amazonses.com ~all\". After the status FAILED, repeat the command.", domain, f.Region), ""},
	}
}

func (f *Fix) allowCognito(ses func(string, ...string) string) []Step {
	steps := []Step{{"Look at the identity's policies.", ses("get-email-identity", option("--email-identity", f.Name), option("--query", "Policies"))}}
	if f.denied {
		steps = append(steps, Step{"A statement with the effect Deny applies to pools here. Change or remove it: it wins over every other.", ""})
	}
	if policy, ok := f.policy(); ok {
		steps = append(steps, policy)
	}
	return steps
}

// policyName is the name of the policy that steps suggest.
const policyName = "cognito-user-pools"

// policy returns the step that adds the sending policy which the pools need;
// ok is false when they need none.
func (f *Fix) policy() (step Step, ok bool) {
	byService := map[string][]string{}
	identity := "arn:" + inventory.Partition(f.Region) + ":ses:" + f.Region + ":" + f.AccountID + ":identity/" + f.Name
	for _, p := range f.Pools() {
		if p.Settings == nil {
			continue
		}
		r := p.SendRequest(f.Region)
		if r.Service == "" {
			continue
		}
		if !deployed(p) { // It has no ARN yet: all pools of the region.
			r.PoolARN = strings.TrimSuffix(r.PoolARN, p.ID) + "*"
		}
		byService[r.Service] = append(byService[r.Service], r.PoolARN)
	}
	if len(byService) == 0 || f.AccountID == "" {
		return Step{}, false
	}
	type statement struct {
		Effect    string
		Principal map[string]string
		Action    []string
		Resource  string
		Condition map[string]map[string]any
	}
	var statements []statement
	for _, service := range slices.Sorted(maps.Keys(byService)) {
		pools := byService[service]
		slices.Sort(pools)
		if pools = slices.Compact(pools); len(pools) > mostNamed { // All pools of the region, of the same account.
			parts := strings.SplitAfterN(pools[0], "/", 2)
			pools = []string{parts[0] + "*"}
		}
		statements = append(statements, statement{
			"Allow",
			map[string]string{"Service": service},
			[]string{"ses:SendEmail", "ses:SendRawEmail"},
			identity,
			map[string]map[string]any{"StringEquals": {"aws:SourceAccount": f.AccountID}, "ArnLike": {"aws:SourceArn": pools}},
		})
	}
	document, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	if err != nil {
		panic(err) // It is made of strings.
	}
	return Step{
		"Add a policy that lets Cognito send as it for these pools.",
		shell("aws sesv2 create-email-identity-policy", f.Region, option("--email-identity", f.Name), option("--policy-name", policyName), option("--policy", string(document))),
	}, true
}

// deployed reports whether Cognito has the pool, perhaps with other settings.
func deployed(p *inventory.Pool) bool { return p.Planned == nil || p.ID != p.Planned.Resource }

// proposals returns the steps that have propose make the documents which change
// the pools. Those of a plan are changed where it is written. The first step
// begins with the words in when.
func proposals(pools []*inventory.Pool, when string, args ...string) []Step {
	first := func(text string) string { // a step that begins a sentence, or goes on with when
		if when == "" {
			return strings.ToUpper(text[:1]) + text[1:]
		}
		return when + text
	}
	text := first("have a proposal made.")
	if when == "" {
		text += " It chooses an identity, and says what has to be true first and how to apply it."
	}
	var steps []Step
	for i, p := range pools[:min(len(pools), mostNamed)] {
		if at := p.Planned; at != nil {
			place := at.Resource
			if where := at.Where(); where != "" {
				place += " (" + where + ")"
			}
			steps = append(steps, Step{first("change the e-mail configuration of " + place + "."), ""})
			continue
		}
		if i > 0 {
			text = "Likewise for pool " + cmp.Or(p.Name, p.ID) + "."
		}
		steps = append(steps, Step{text, proposal(p, args...)})
	}
	if more := len(pools) - mostNamed; more > 0 {
		steps = append(steps, Step{fmt.Sprintf("Likewise for %d more.", more), ""})
	}
	return steps
}

// proposal is the command that has the document made which changes the pool's
// e-mail configuration and nothing else.
func proposal(p *inventory.Pool, args ...string) string {
	words := append([]string{quote(p.ID), option("--account", p.Target.AccountID)}, args...)
	return shell("cognito-ses-exporter propose", p.Target.Region, words...)
}

// Links returns pages of AWS's console that the fix is about.
func (f *Fix) Links() []Link {
	var all []Link
	add := func(title, region, page string) {
		if region != "" { // Which a plan may not tell.
			all = append(all, Link{title, console(region) + page})
		}
	}
	ses := func(title, page string) {
		add(title, f.Region, "/ses/home?region="+url.QueryEscape(f.Region)+"#/"+page)
	}
	switch f.Kind {
	case ProductionAccess, ResumeSending, EnableSending, Reputation:
		ses("SES account dashboard", "account")
		if f.Kind == ProductionAccess && f.ses != nil && f.ses.ReviewCase != "" {
			add("Support case", f.Region, "/support/home#/case/?displayId="+url.QueryEscape(f.ses.ReviewCase))
		}
	case SendQuota:
		add("Service quotas of SES", f.Region, "/servicequotas/home/services/ses/quotas?region="+url.QueryEscape(f.Region))
	case CreateIdentity:
		ses("SES identities", "identities")
	case VerifyIdentity, EnableIdentity, AllowCognito, MailFrom, DKIM:
		ses("SES identity", "identities/"+url.PathEscape(f.Name))
	case CreateSet:
		ses("SES configuration sets", "configuration-sets")
	case EnableSet:
		ses("SES configuration set", "configuration-sets/"+url.PathEscape(f.Name))
	case LeaveDefault, ChangeSender, FollowRule:
		pools := f.Pools()
		for _, p := range pools[:min(len(pools), mostNamed)] {
			region := p.Target.Region
			if !deployed(p) {
				continue
			}
			add("User pool "+cmp.Or(p.Name, p.ID), region, "/cognito/v2/idp/user-pools/"+url.PathEscape(p.ID)+"?region="+url.QueryEscape(region))
		}
	}
	return all
}

// console returns the address of AWS's console for the region.
func console(region string) string {
	host := "console.aws.amazon.com"
	switch inventory.Partition(region) {
	case "aws-us-gov":
		host = "console.amazonaws-us-gov.com"
	case "aws-eusc":
		host = "console.amazonaws-eusc.eu"
	case "aws-cn":
		host = "console.amazonaws.cn"
	}
	return "https://" + region + "." + host
}

// shell is a command with words behind it that are quoted already, in a region.
func shell(command, region string, words ...string) string {
	return strings.Join(slices.Concat([]string{command}, words, []string{option("--region", cmp.Or(region, "REGION"))}), " ")
}

// option is an option with its value, quoted for a shell.
func option(name, value string) string {
	if strings.HasPrefix(value, "-") { // It would be taken for an option.
		return name + "=" + quote(value)
	}
	return name + " " + quote(value)
}

// quote writes a word for a POSIX shell.
func quote(word string) string {
	bare := word != "" && !strings.ContainsFunc(word, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("@%_+=:,./-", c)
	})
	if bare {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
