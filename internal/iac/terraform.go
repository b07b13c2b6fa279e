package iac

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const tfPool = "aws_cognito_user_pool"

// tfPlan is a plan of Terraform.
type tfPlan struct {
	*tfjson.Plan
	file  string
	lines map[string]int // of the changes, by address
	// The accounts and regions of the provider configurations, as far as resources
	// or data that are there already tell them; by key.
	accounts, regions map[string]string
	sources           *sources // of the configuration; nil if they are not to be looked at
}

func parseTerraform(name string, data []byte) (*Document, error) {
	t := &tfPlan{Plan: &tfjson.Plan{}, file: name}
	if err := json.Unmarshal(data, t.Plan); err != nil {
		return nil, fmt.Errorf("%s: not a plan of Terraform: %w", name, err)
	}
	t.lines = changeLines(data)
	t.learnPlaces()
	return &Document{Format: Terraform, find: t.find, terraform: t}, nil
}

// changeLines returns the line in which each change of a plan begins.
func changeLines(data []byte) map[string]int {
	lines := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return lines
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return lines
		}
		if key != "resource_changes" {
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return lines
			}
			continue
		}
		if begin, err := d.Token(); err != nil || begin != json.Delim('[') {
			return lines
		}
		line, counted := 1, 0
		for d.More() {
			begin := int(d.InputOffset())
			for begin < len(data) && strings.IndexByte(" \t\r\n,", data[begin]) >= 0 {
				begin++
			}
			line, counted = line+bytes.Count(data[counted:begin], []byte("\n")), begin
			var change struct{ Address string }
			if d.Decode(&change) != nil {
				return lines
			}
			lines[change.Address] = line
		}
		return lines
	}
	return lines
}

// value is an attribute of a resource after the change.
type value struct{ is, unknown, sensitive any }

// in returns what is in an attribute that is an object.
func (v value) in(key string) value {
	get := func(of any) any {
		if all, ok := of.(bool); ok {
			return all
		}
		m, _ := of.(map[string]any)
		return m[key]
	}
	of, _ := v.is.(map[string]any)
	return value{of[key], get(v.unknown), get(v.sensitive)}
}

// items returns the items of a list, set or block, and whether it is known how
// many there are.
func (v value) items() (items []value, known bool) {
	if v.unknown == true || v.sensitive == true {
		return nil, false
	}
	get := func(of any, i int) any {
		if list, ok := of.([]any); ok && i < len(list) {
			return list[i]
		}
		return nil
	}
	list, _ := v.is.([]any)
	for i := range list {
		items = append(items, value{list[i], get(v.unknown, i), get(v.sensitive, i)})
	}
	return items, true
}

// block returns the only block of its kind; ok is false without one.
func (v value) block(name string) (b value, ok, known bool) {
	items, known := v.in(name).items()
	if len(items) == 0 {
		return value{}, false, known
	}
	return items[0], true, known
}

// closed reports whether nothing of the attribute is unknown or sensitive.
func (v value) closed() bool { return !marked(v.unknown) && !marked(v.sensitive) }

// marked reports whether a mark is true, or has one in it that is.
func marked(mark any) bool {
	switch m := mark.(type) {
	case bool:
		return m
	case []any:
		return slices.ContainsFunc(m, marked)
	case map[string]any:
		for _, inner := range m {
			if marked(inner) {
				return true
			}
		}
	}
	return false
}

// text returns a string, empty for null.
func (v value) text() (s string, known bool) {
	if !v.closed() {
		return "", false
	}
	s, _ = v.is.(string)
	return s, true
}

// texts returns a list or set of strings.
func (v value) texts() (all []string, known bool) {
	if !v.closed() {
		return nil, false
	}
	list, _ := v.is.([]any)
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all, true
}

// first returns the first known text that is not empty.
func first(values ...value) string {
	for _, v := range values {
		if s, _ := v.text(); s != "" {
			return s
		}
	}
	return ""
}

func after(c *tfjson.ResourceChange) value {
	return value{c.Change.After, c.Change.AfterUnknown, c.Change.AfterSensitive}
}

func before(c *tfjson.ResourceChange) value {
	return value{c.Change.Before, nil, c.Change.BeforeSensitive}
}

// changes returns the changes of managed resources, without objects that a
// failed replacement has left behind.
func (t *tfPlan) changes() []*tfjson.ResourceChange {
	return slices.DeleteFunc(slices.Clone(t.ResourceChanges), func(c *tfjson.ResourceChange) bool {
		return c == nil || c.Change == nil || c.Mode == tfjson.DataResourceMode || c.DeposedKey != ""
	})
}

// actionOf says what becomes of a resource, in a word.
func actionOf(c *tfjson.ResourceChange) string {
	switch a := c.Change.Actions; {
	case a.Create():
		return "create"
	case a.Update() && c.Change.Importing != nil:
		return "import and update"
	case a.Update():
		return "update"
	case a.Replace():
		return "replace"
	case slices.Contains(a, tfjson.ActionCreate): // It makes a new one, and the old one stays.
		return "create"
	case a.NoOp() && c.Change.Importing != nil:
		return "import"
	case a.NoOp():
		return unchanged
	default:
		return ""
	}
}

// unchanged is a pool that only matters because of what else the plan changes.
const unchanged = "unchanged"

// find adds the user pools of the plan, and what it does to SES.
func (t *tfPlan) find(p *Plan) {
	var kept []draft
	for _, c := range t.changes() {
		if s, ok := t.thingOf(p, c); ok {
			p.things = append(p.things, s)
		}
		action := actionOf(c)
		switch {
		case c.Type == "awscc_cognito_user_pool" && action != "" && action != unchanged:
			p.note("%s is not judged: only user pools of the provider aws are", c.Address)
		case c.Type != tfPool || action == "":
		case action == unchanged:
			kept = append(kept, t.draftOf(p, c, action))
		default:
			d := t.draftOf(p, c, action)
			p.Pools = append(p.Pools, d.pool())
		}
	}
	for i := range kept {
		if pool := kept[i].pool(); p.takesFrom(&pool) {
			p.Pools = append(p.Pools, pool)
		}
	}
	for _, deferred := range t.DeferredChanges {
		if deferred != nil && deferred.ResourceChange != nil && deferred.ResourceChange.Type == tfPool {
			p.note("%s is not judged: Terraform plans it later, since %s", deferred.ResourceChange.Address, cmp.Or(deferred.Reason, "it depends on other changes"))
		}
	}
}

// takesFrom reports whether the plan removes or changes something that the pool
// sends with.
func (p *Plan) takesFrom(pool *Pool) bool {
	s := &pool.Settings.Sender
	covering := inventory.CoveringIdentities(s.Identity.Name)
	return slices.ContainsFunc(p.things, func(t thing) bool {
		if t.AccountID != pool.AccountID || !slices.Contains(s.Regions, t.Region) || !t.gone && t.sending != inventory.No {
			return false
		}
		return t.set && t.name == s.ConfigurationSet || !t.set && slices.Contains(covering, inventory.CanonicalIdentity(t.name))
	})
}

// tfNames are the types of resources that are identities or configuration sets
// of SES, and the attribute that has the name.
var tfNames = map[string]struct {
	name string
	set  bool
}{
	"aws_ses_email_identity":      {"email", false},
	"aws_ses_domain_identity":     {"domain", false},
	"aws_sesv2_email_identity":    {"email_identity", false},
	"aws_ses_configuration_set":   {"name", true},
	"aws_sesv2_configuration_set": {"configuration_set_name", true},
}

// thingOf returns what a change does to an identity or a configuration set.
func (t *tfPlan) thingOf(p *Plan, c *tfjson.ResourceChange) (thing, bool) {
	kind, ok := tfNames[c.Type]
	if !ok || c.Change.Actions.NoOp() || c.Change.Actions.Read() || c.Change.Actions.Forget() {
		return thing{}, false
	}
	s := thing{Key: p.place(t.keyOf(c)), set: kind.set, gone: c.Change.Actions.Delete()}
	if s.gone {
		s.name = first(before(c).in(kind.name))
	} else {
		s.name = first(after(c).in(kind.name))
	}
	if options, ok, _ := after(c).block("sending_options"); ok { // sesv2
		s.sending = options.in("sending_enabled").tri()
	} else if kind.set && !s.gone {
		s.sending = after(c).in("sending_enabled").tri()
	}
	return s, s.name != ""
}

// tri returns a boolean, which may be unknown.
func (v value) tri() inventory.Tri {
	if b, ok := v.is.(bool); ok && v.closed() {
		return inventory.Known(b)
	}
	return inventory.Unknown
}

// draftOf returns the user pool as it is after the change.
func (t *tfPlan) draftOf(p *Plan, c *tfjson.ResourceChange, action string) draft {
	d := draft{Key: p.place(t.keyOf(c)), planned: inventory.Planned{Resource: c.Address, Action: action, File: t.file, Line: t.lines[c.Address]}}
	if t.sources != nil {
		if at, ok := t.sources.locate(t, c); ok {
			d.planned.File, d.planned.Line = at.file, at.line
		}
	}
	v := after(c)
	if action != "replace" {
		d.id = first(v.in("id"), before(c).in("id"))
	}
	d.name = first(v.in("name"))
	t.email(&d, p, c, v)
	if lambda, ok, known := v.block("lambda_config"); !known {
		d.open(inventory.PendingCustomSender)
	} else if ok {
		_, d.email.CustomSender, known = lambda.block("custom_email_sender")
		if !known {
			d.open(inventory.PendingCustomSender)
		}
	}
	t.users(&d, v)
	all := v.in("tags_all") // With the provider's default tags.
	if all.is == nil && all.closed() {
		all = v.in("tags")
	}
	if !all.closed() {
		d.open(inventory.PendingTags)
	} else if tags, _ := all.is.(map[string]any); len(tags) > 0 {
		d.tags = map[string]string{}
		for key, tag := range tags {
			if s, ok := tag.(string); ok {
				d.tags[key] = s
			}
		}
	}
	return d
}

// email takes over email_configuration. Without it Cognito's built-in sender
// sends.
func (t *tfPlan) email(d *draft, p *Plan, c *tfjson.ResourceChange, v value) {
	e, ok, known := v.block("email_configuration")
	if !known {
		d.email.Mode = inventory.ModeUnknown
		d.open(inventory.PendingEmail)
		return
	}
	if !ok {
		d.mode("", true)
		return
	}
	text := func(to *string, field inventory.PendingSettings, name string) {
		s, known := e.in(name).text()
		d.set(to, field, s, known)
	}
	d.mode(e.in("email_sending_account").text())
	text(&d.email.SourceARN, inventory.PendingSourceARN, "source_arn")
	text(&d.email.From, inventory.PendingFrom, "from_email_address")
	text(&d.email.ReplyTo, inventory.PendingReplyTo, "reply_to_email_address")
	text(&d.email.ConfigurationSet, inventory.PendingConfigurationSet, "configuration_set")
	if !d.pending.Has(inventory.PendingSourceARN) || marked(e.in("source_arn").sensitive) {
		return
	}
	if from := t.identityOf(c); from != nil {
		k := p.place(t.keyOf(from))
		d.identity = inventory.IdentityRef{
			Partition: inventory.Partition(k.Region), Region: k.Region, AccountID: k.AccountID, Name: first(after(from).in(tfNames[from.Type].name)),
		}
	}
}

// users takes over which codes users get.
func (t *tfPlan) users(d *draft, v value) {
	var known bool
	if d.autoVerified, known = v.in("auto_verified_attributes").texts(); !known {
		d.open(inventory.PendingAutoVerified)
	}
	setting, _, known := v.block("account_recovery_setting")
	options, closed := setting.in("recovery_mechanism").items()
	var mechanisms []mechanism
	for _, o := range options {
		priority, _ := o.in("priority").is.(float64)
		mechanisms = append(mechanisms, mechanism{first(o.in("name")), priority})
		closed = closed && o.closed()
	}
	d.recover(mechanisms, known && closed)
	policy, _, known := v.block("sign_in_policy")
	factors, closed := policy.in("allowed_first_auth_factors").texts()
	if d.otp = slices.Contains(factors, emailOTP); !known || !closed {
		d.open(inventory.PendingFirstFactors)
	}
	d.secondFactor(v.in("mfa_configuration").text())
	if _, ok, known := v.block("email_mfa_configuration"); known {
		d.emailMFA = inventory.Known(ok)
	} else {
		d.open(inventory.PendingMFA)
	}
	d.tier, _ = v.in("user_pool_tier").text()
}
