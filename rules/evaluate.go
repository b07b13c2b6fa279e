package rules

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// maxMessage is how many bytes of a message are kept.
const maxMessage = 1024

// Finding says that a rule fires for a pool, an SES account or an identity.
type Finding struct {
	Rule        string   `json:"rule"`
	Severity    Severity `json:"severity"`
	ForEach     ForEach  `json:"for_each"`
	AccountID   string   `json:"account_id"`
	AccountName string   `json:"account_name,omitempty"`
	Region      string   `json:"region"`
	PoolID      string   `json:"user_pool_id,omitempty"` // of a pool
	PoolName    string   `json:"pool_name,omitempty"`    // of a pool
	Identity    string   `json:"identity,omitempty"`     // that a pool sends as, may be empty; or the identity
	// Cause is the thing that the finding belongs to. Findings of a rule with one
	// cause are one [Problem].
	Cause   inventory.Cause `json:"cause"`
	Summary string          `json:"summary"` // what the rule is about
	Message string          `json:"message"` // what is wrong here; the summary without a message
	Remedy  string          `json:"remedy,omitempty"`

	// Of a pool of a plan: its address there, and where it is written, as far as
	// that is known.
	Resource string `json:"resource,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"` // from 1

	Behind []PoolRef        `json:"-"` // the pools that it concerns, sorted by region and ID
	Reason inventory.Reason `json:"-"` // why the pool is blocked, of a finding that is no rule's; see [Blocked]
}

// Pool returns the key of the pool that the finding is about; its ID is empty
// for findings about something else.
func (f *Finding) Pool() inventory.PoolKey {
	return inventory.PoolKey{Key: inventory.Key{AccountID: f.AccountID, Region: f.Region}, ID: f.PoolID}
}

// Count is what became of one rule.
type Count struct {
	Findings     int
	Raised       int    // those of them that are critical by critical_when, and not by the rule's severity
	Exempted     int    // findings that an exemption covers, which are not in Findings
	Undetermined int    // pools, accounts or identities whose unknown facts could decide
	Errors       int    // how often it could not be evaluated
	FirstError   string // empty without any
}

// Result is what a [Set] says of one account.
type Result struct {
	Findings []Finding // sorted by severity, the worst first, then rule, account, region and id
	Rules    []Count   // in the order of [Set.Rules]

	used []bool // exemptions that cover a finding, by index
}

func (s *Set) newResult() *Result {
	return &Result{Rules: make([]Count, len(s.rules)), used: make([]bool, len(s.exemptions))}
}

// None returns the result of an account of which nothing is known.
func (s *Set) None() *Result { return s.newResult() }

// Evaluate judges every pool, SES account and identity of the account by every
// enabled rule. It reads no clock; the time is the account's.
func (s *Set) Evaluate(a *inventory.Account) *Result {
	res := s.newResult()
	if run := s.by(ForPool); run != nil {
		v := newPoolView(a.At)
		for i := range a.Pools {
			p := &a.Pools[i]
			res.judge(run, a.At, v.load(p), func(r *compiledRule) Finding {
				f := findingAbout(*p.Target)
				f.PoolID, f.PoolName, f.Identity = p.ID, p.Name, p.Identity
				f.Cause, f.Behind = r.causeOf(p), []PoolRef{refTo(p)}
				if at := p.Planned; at != nil {
					f.Resource, f.File, f.Line = at.Resource, at.File, at.Line
					if f.PoolID == at.Resource {
						f.PoolID = "" // Cognito has given it none.
					}
				}
				return f
			})
		}
	}
	if run := s.by(ForAccount); run != nil {
		v := newAccountView(a.At)
		for i := range a.SES {
			res.judge(run, a.At, v.load(&a.SES[i]), func(*compiledRule) Finding {
				f := findingAbout(a.SES[i].Target)
				f.Cause = inventory.Cause{Kind: inventory.CauseSESAccount, Region: f.Region}
				f.Behind = behind(a, f.Cause)
				return f
			})
		}
	}
	if run := s.by(ForIdentity); run != nil {
		v := newIdentityView(a.At)
		for i := range a.Identities {
			res.judge(run, a.At, v.load(&a.Identities[i]), func(*compiledRule) Finding {
				f := findingAbout(a.Identities[i].Target)
				f.Identity = a.Identities[i].Name
				f.Cause = inventory.Cause{Kind: inventory.CauseIdentity, Region: f.Region, Name: inventory.CanonicalIdentity(f.Identity)}
				f.Behind = behind(a, f.Cause)
				return f
			})
		}
	}
	slices.SortFunc(res.Findings, func(a, b Finding) int { return CompareFindings(&a, &b) })
	res.Findings = append([]Finding(nil), res.Findings...) // Without room to grow.
	return res
}

// Judgement is a snapshot and what a set of rules says of it. It does not change.
type Judgement struct {
	*inventory.Snapshot
	Rules *Set
	Each  []*Result // of every account, in the order of the snapshot
	Total []Count   // over all accounts, in the order of [Set.Rules]

	used []bool // exemptions that cover a finding, by index
}

// Judge evaluates every account of the snapshot, on all processors.
func (s *Set) Judge(snap *inventory.Snapshot) *Judgement {
	each := make([]*Result, len(snap.Accounts))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, a := range snap.Accounts {
		group.Go(func() error {
			each[i] = s.Evaluate(a)
			return nil
		})
	}
	_ = group.Wait() // Its functions return none.
	return s.Join(snap, each)
}

// Join returns the judgement of a snapshot of which each account has been
// evaluated already.
func (s *Set) Join(snap *inventory.Snapshot, each []*Result) *Judgement {
	total := s.newResult()
	for _, r := range each {
		for i, c := range r.Rules {
			t := &total.Rules[i]
			t.Findings += c.Findings
			t.Raised += c.Raised
			t.Exempted += c.Exempted
			t.Undetermined += c.Undetermined
			t.Errors += c.Errors
			t.FirstError = cmp.Or(t.FirstError, c.FirstError)
		}
		for i, used := range r.used {
			total.used[i] = total.used[i] || used
		}
	}
	return &Judgement{Snapshot: snap, Rules: s, Each: each, Total: total.Rules, used: total.used}
}

// Findings returns those of all accounts, sorted by severity, the worst first,
// then rule, account, region and ID.
func (j *Judgement) Findings() []Finding {
	var all []Finding
	for _, r := range j.Each {
		all = append(all, r.Findings...)
	}
	slices.SortFunc(all, func(a, b Finding) int { return CompareFindings(&a, &b) })
	return all
}

// ExpiredExemptions returns those that no longer apply.
func (j *Judgement) ExpiredExemptions() []Exemption {
	var expired []Exemption
	for _, e := range j.Rules.exemptions {
		if e.expired(j.At) {
			expired = append(expired, e.Exemption)
		}
	}
	return expired
}

// UnusedExemptions returns those of enabled rules that apply to no finding, and
// have not expired.
func (j *Judgement) UnusedExemptions() []Exemption {
	var unused []Exemption
	for _, rule := range j.Rules.rules {
		for _, e := range rule.exemptions {
			if rule.Enabled && !e.expired(j.At) && !j.used[e.index] {
				unused = append(unused, e.Exemption)
			}
		}
	}
	return unused
}

// NextExpiry returns when the next exemption after at ceases to apply; zero
// when none will.
func (s *Set) NextExpiry(at time.Time) time.Time {
	var next time.Time
	for _, e := range s.exemptions {
		if e.through.After(at) && (next.IsZero() || e.through.Before(next)) {
			next = e.through
		}
	}
	return next
}

// CompareFindings orders findings by severity, the worst first, then rule,
// account, region and ID.
func CompareFindings(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Severities(), b.Severity), slices.Index(Severities(), a.Severity)),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.AccountID, b.AccountID),
		cmp.Compare(a.Region, b.Region),
		cmp.Compare(a.PoolID, b.PoolID),
		cmp.Compare(a.Resource, b.Resource),
		cmp.Compare(a.Identity, b.Identity),
	)
}

func findingAbout(t inventory.Target) Finding {
	return Finding{AccountID: t.AccountID, AccountName: t.AccountName, Region: t.Region}
}

// by returns the enabled rules about e; nil without any.
func (s *Set) by(e ForEach) []*compiledRule {
	var rules []*compiledRule
	for _, r := range s.rules {
		if r.ForEach == e && r.Enabled {
			rules = append(rules, r)
		}
	}
	return rules
}

// variable gives an expression the only variable that it has.
type variable struct {
	name string
	root *object
}

// ResolveName implements [cel.Activation].
func (v *variable) ResolveName(name string) (any, bool) { return v.root, name == v.name }

// Parent implements [cel.Activation].
func (*variable) Parent() cel.Activation { return nil }

// run evaluates the program. A panic becomes an error: no expression may take
// the exporter down.
func run(p cel.Program, v *variable) (out ref.Val, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	out, _, err = p.Eval(v)
	return out, err
}

// judge evaluates the rules for one object; about says what it is.
func (res *Result) judge(rules []*compiledRule, at time.Time, root *object, about func(*compiledRule) Finding) {
	v := &variable{name: root.kind.path, root: root}
	for _, r := range rules {
		out, err := run(r.when, v)
		switch {
		case err != nil:
			res.fail(r, err)
		case types.IsUnknown(out):
			res.Rules[r.index].Undetermined++
		case out == types.True:
			res.fire(r, at, v, about)
		}
	}
}

func (res *Result) fail(r *compiledRule, err error) {
	c := &res.Rules[r.index]
	c.Errors++
	c.FirstError = cmp.Or(c.FirstError, err.Error())
}

// fire takes note of a finding, unless it is exempted.
func (res *Result) fire(r *compiledRule, at time.Time, v *variable, about func(*compiledRule) Finding) {
	exempted := false
	for _, e := range r.exemptions {
		if e.expired(at) {
			continue
		}
		if e.when != nil {
			out, err := run(e.when, v)
			if err != nil {
				res.fail(r, fmt.Errorf("exemption at %s: %w", e.Where, err))
			}
			if err != nil || out != types.True {
				continue
			}
		}
		exempted, res.used[e.index] = true, true
	}
	if exempted {
		res.Rules[r.index].Exempted++
		return
	}
	f := about(r)
	f.Rule, f.ForEach, f.Summary, f.Remedy = r.ID, r.ForEach, r.Summary, r.Remedy
	var err error
	if f.Severity, err = r.severity(r.Severity, v); err != nil {
		res.fail(r, err)
	}
	if f.Message, err = r.text.say(r.message, v); err != nil {
		res.fail(r, err)
	}
	res.Findings = append(res.Findings, f)
	res.Rules[r.index].Findings++
	if f.Severity != r.Severity {
		res.Rules[r.index].Raised++
	}
}

// severity returns how bad a finding is: critical where that is known, else as
// bad as the rule says.
func (c programs) severity(own Severity, v *variable) (Severity, error) {
	if c.critical == nil {
		return own, nil
	}
	switch out, err := run(c.critical, v); {
	case err != nil:
		return own, fmt.Errorf("critical_when: %w", err)
	case out == types.True:
		return Critical, nil
	default:
		return own, nil
	}
}

// say returns the message, or the summary when there is none, when what it
// needs is unknown, and on an error: a finding is not lost for its text.
func (t *ruleText) say(message cel.Program, v *variable) (string, error) {
	summary := strings.TrimSpace(t.summary.Text)
	if message == nil {
		return summary, nil
	}
	out, err := run(message, v)
	if err != nil {
		return summary, fmt.Errorf("message: %w", err)
	}
	s, ok := out.(types.String)
	if !ok {
		return summary, nil
	}
	return shorten(string(s)), nil
}

func shorten(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	end := maxMessage
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func (e *compiledExemption) expired(at time.Time) bool {
	return !e.through.IsZero() && !at.Before(e.through)
}
