package rules

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// maxMessage is how many bytes of a message are kept.
const maxMessage = 1024

// Finding says that a rule fires for a pool, an SES account or an identity.
type Finding struct {
	Rule        string
	Severity    Severity
	ForEach     ForEach
	AccountID   string
	AccountName string
	Region      string
	PoolID      string // of a pool
	PoolName    string // of a pool
	Identity    string // that a pool sends as, may be empty; or the identity
	Summary     string // what the rule is about
	Message     string // what is the matter here; the summary without one
	Remedy      string
}

// Failure is what went wrong with a rule while it was evaluated.
type Failure struct {
	Count int    // how many times
	First string // the first error, in the order of the snapshot as far as that is known
}

// Result is what the rules say of a snapshot. The maps have the rules that
// were evaluated and have any.
type Result struct {
	Findings     []Finding      // sorted by severity, the worst first, then rule, account, region and id
	Exempted     map[string]int // findings that an exemption covers, which are not in Findings
	Undetermined map[string]int // pools, accounts or identities whose unknown facts could decide
	Errors       map[string]Failure

	ExpiredExemptions []ExemptionInfo // they no longer apply
	UnusedExemptions  []ExemptionInfo // they apply to no finding
}

// Evaluate judges every pool, account and identity of the snapshot by every
// enabled rule. It reads no clock; the time is the snapshot's.
func (s *Set) Evaluate(snap *inventory.Snapshot) *Result {
	total := newTally(s)
	run := s.by(ForPool)
	total.each(len(snap.Pools), len(run) > 0, func(t *tally) func(int) {
		v := newPoolView(snap.At)
		return func(i int) {
			p := &snap.Pools[i]
			t.judge(run, snap.At, v.load(p), func() Finding {
				return Finding{
					AccountID: p.Target.AccountID, AccountName: p.Target.AccountName, Region: p.Target.Region,
					PoolID: p.ID, PoolName: p.Name, Identity: p.Identity,
				}
			})
		}
	})
	accounts := s.by(ForAccount)
	total.each(len(snap.Accounts), len(accounts) > 0, func(t *tally) func(int) {
		v := newAccountView(snap)
		return func(i int) {
			a := &snap.Accounts[i]
			t.judge(accounts, snap.At, v.load(a), func() Finding {
				return Finding{AccountID: a.Target.AccountID, AccountName: a.Target.AccountName, Region: a.Target.Region}
			})
		}
	})
	identities := s.by(ForIdentity)
	total.each(len(snap.Identities), len(identities) > 0, func(t *tally) func(int) {
		v := newIdentityView(snap.At)
		return func(i int) {
			id := &snap.Identities[i]
			t.judge(identities, snap.At, v.load(id), func() Finding {
				return Finding{AccountID: id.Target.AccountID, AccountName: id.Target.AccountName, Region: id.Target.Region, Identity: id.Name}
			})
		}
	})
	return total.result(snap.At)
}

// by returns the enabled rules about e.
func (s *Set) by(e ForEach) []*rule {
	var rules []*rule
	for _, r := range s.rules {
		if r.ForEach == e && r.Enabled {
			rules = append(rules, r)
		}
	}
	return rules
}

// tally counts what rules say, by the index of the rule or exemption.
type tally struct {
	set          *Set
	findings     []Finding
	exempted     []int
	undetermined []int
	errors       []Failure
	used         []bool
}

func newTally(s *Set) *tally {
	n := len(s.rules)
	return &tally{set: s, exempted: make([]int, n), undetermined: make([]int, n), errors: make([]Failure, n), used: make([]bool, len(s.exemptions))}
}

func (t *tally) add(o *tally) {
	t.findings = append(t.findings, o.findings...)
	for i := range t.set.rules {
		t.exempted[i] += o.exempted[i]
		t.undetermined[i] += o.undetermined[i]
		t.errors[i].Count += o.errors[i].Count
		t.errors[i].First = cmp.Or(t.errors[i].First, o.errors[i].First)
	}
	for i, used := range o.used {
		t.used[i] = t.used[i] || used
	}
}

// each calls the functions that worker makes for 0 to n-1, if that is
// wanted, on every processor.
func (t *tally) each(n int, wanted bool, worker func(*tally) func(int)) {
	const chunk = 512
	if !wanted || n == 0 {
		return
	}
	workers := min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk)
	tallies := make([]*tally, workers)
	var next atomic.Int64
	var wait sync.WaitGroup
	for w := range tallies {
		tallies[w] = newTally(t.set)
		wait.Go(func() {
			judge := worker(tallies[w])
			for {
				end := int(next.Add(chunk))
				if end-chunk >= n {
					return
				}
				for i := end - chunk; i < min(end, n); i++ {
					judge(i)
				}
			}
		})
	}
	wait.Wait()
	for _, o := range tallies {
		t.add(o)
	}
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
func (t *tally) judge(rules []*rule, at time.Time, root *object, about func() Finding) {
	v := &variable{name: root.kind.path, root: root}
	for _, r := range rules {
		out, err := run(r.when, v)
		switch {
		case err != nil:
			t.fail(r, err)
		case types.IsUnknown(out):
			t.undetermined[r.index]++
		case out == types.True:
			t.fire(r, at, v, about)
		}
	}
}

func (t *tally) fail(r *rule, err error) {
	f := &t.errors[r.index]
	f.Count++
	f.First = cmp.Or(f.First, err.Error())
}

// fire takes note of a finding, unless it is exempted.
func (t *tally) fire(r *rule, at time.Time, v *variable, about func() Finding) {
	exempted := false
	for _, e := range r.exemptions {
		if e.expired(at) {
			continue
		}
		if e.when != nil {
			out, err := run(e.when, v)
			if err != nil {
				t.fail(r, fmt.Errorf("exemption at %s: %w", e.Where, err))
			}
			if err != nil || out != types.True {
				continue
			}
		}
		exempted, t.used[e.index] = true, true
	}
	if exempted {
		t.exempted[r.index]++
		return
	}
	f := about()
	f.Rule, f.Severity, f.ForEach, f.Summary, f.Remedy = r.ID, r.Severity, r.ForEach, r.Summary, r.Remedy
	var err error
	if f.Message, err = r.text.say(r.message, v); err != nil {
		t.fail(r, err)
	}
	t.findings = append(t.findings, f)
}

// say returns the message, or the summary when there is none, when what it
// needs is unknown, and on an error: a finding is not lost for its text.
func (t *ruleText) say(message cel.Program, v *variable) (string, error) {
	summary := strings.TrimSpace(t.summary.value)
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

func (e *exemption) expired(at time.Time) bool { return !e.through.IsZero() && !at.Before(e.through) }

func (t *tally) result(at time.Time) *Result {
	res := &Result{Findings: t.findings, Exempted: map[string]int{}, Undetermined: map[string]int{}, Errors: map[string]Failure{}}
	slices.SortFunc(res.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Severities(), b.Severity), slices.Index(Severities(), a.Severity)),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.AccountID, b.AccountID),
			cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.PoolID, b.PoolID),
			cmp.Compare(a.Identity, b.Identity),
		)
	})
	for i, r := range t.set.rules {
		if n := t.exempted[i]; n > 0 {
			res.Exempted[r.ID] = n
		}
		if n := t.undetermined[i]; n > 0 {
			res.Undetermined[r.ID] = n
		}
		if f := t.errors[i]; f.Count > 0 {
			res.Errors[r.ID] = f
		}
		for _, e := range r.exemptions {
			switch {
			case e.expired(at):
				res.ExpiredExemptions = append(res.ExpiredExemptions, e.ExemptionInfo)
			case r.Enabled && !t.used[e.index]:
				res.UnusedExemptions = append(res.UnusedExemptions, e.ExemptionInfo)
			}
		}
	}
	return res
}
