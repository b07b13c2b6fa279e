package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// publishPause joins targets that are finished shortly after each other in one
// publish.
const publishPause = 200 * time.Millisecond

// publication is what is served; it does not change.
type publication struct {
	*rules.Judgement
	exposition *exposition.Exposition
	coverage   []inventory.MemberStatus
}

// piece is an account's finished part of a publication; it does not change.
type piece struct {
	rules   *rules.Set // that result is of
	account *inventory.Account
	result  *rules.Result
	found   []*rules.Finding  // the findings that are shown, of which problems consist, with why pools are blocked
	known   []rules.Seen      // what was found earlier and cannot be known to be over
	facts   *exposition.Piece // of pools, SES accounts, identities, quotas and findings; nil without any
	trouble *exposition.Piece // of the problems; nil without any
	passes  *exposition.Piece // of how the targets are read; nil when it could not be made yet
}

// all returns what problems consist of. Why pools are blocked follows from the
// account, and is worked out when it is needed instead of kept.
func (p *piece) all() []*rules.Finding {
	return slices.Concat(p.found, rules.Blocked(p.account))
}

// account is what the collector knows of one account; the collector's mutex
// guards it.
type account struct {
	id    string
	dirty bool // facts, or what judges them, have changed
	news  bool // only the passes over the targets have

	piece  *piece
	judged time.Time // when piece was, or would have been the same; zero before the first time
	moves  bool      // the verdicts depend on the time, or facts ended when it was judged
	resets bool      // the reset of the default quota changes it
	next   time.Time // when the next fact becomes stale; zero when none does

	last    string // the region of the reading that came last; empty before the first
	failure string // why the last attempt to make the piece failed; empty when it did not
}

// touch returns the account, which is to be published anew. The caller holds
// the lock.
func (c *Collector) touch(id string) *account {
	a := c.accounts[id]
	if a == nil {
		a = &account{id: id, dirty: true}
		c.accounts[id] = a
		if c.self != nil {
			c.self.knowAccount(id)
		}
	}
	a.news = true
	return a
}

// renew takes note of a reading: one that brings the same facts as the one
// before needs no judging for that.
func (a *account) renew(prev, now *inventory.Reading) {
	a.last = now.Target.Region
	if now.Failing() || prev == nil || !prev.SameFacts(now) {
		a.dirty = true
	}
}

// publishLoop publishes what is new, and what time changes at its moment.
func (c *Collector) publishLoop(ctx context.Context) {
	published := time.Now()
	for {
		timer := time.NewTimer(time.Until(c.nextMoment(published)))
		news := false
		select {
		case <-c.wake:
			news = true
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if news {
			sleep(ctx, publishPause)
			select {
			case <-c.wake:
			default:
			}
		}
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		c.publish(published, now)
		published = now
	}
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// nextMoment returns when something changes by itself after the last publish:
// a fact becomes stale, the default quota resets, an exemption expires, or the
// collector is ready with what there is.
func (c *Collector) nextMoment(published time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, next := c.plan.Quota.Window(published)
	see := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	see(c.plan.Rules.NextExpiry(published))
	if ready := c.began.Add(c.plan.ReadyAfter); ready.After(published) && !c.Ready() {
		see(ready)
	}
	for _, a := range c.accounts {
		see(a.next)
	}
	return next
}

// work is one account that is to be published anew.
type work struct {
	target   *account // that it is about; only [Collector.settle] looks into it
	id       string
	judged   time.Time // when before was
	last     string    // the region of the reading that came last
	plan     *plan
	now      time.Time
	facts    bool // they are to be judged, not only the passes shown
	readings []inventory.Reading
	before   *piece // nil before the first time

	piece *piece
	err   error
	ended bool      // there are facts that are too old to be in piece
	next  time.Time // when the next fact ends; zero when none does
}

// publish renews the accounts that have changed since the last publish and
// replaces what is served. An account whose piece cannot be made keeps the last
// one until that is stale; the others do not notice.
func (c *Collector) publish(last, now time.Time) {
	jobs, p, counts := c.jobs(last, now)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, w := range jobs {
		group.Go(func() error {
			w.run()
			return nil
		})
	}
	_ = group.Wait() // What fails is in the work.

	c.mu.Lock()
	for _, w := range jobs {
		c.settle(w)
	}
	var pieces []*piece
	for _, id := range slices.Sorted(maps.Keys(c.accounts)) {
		if a := c.accounts[id]; a.piece != nil {
			pieces = append(pieces, a.piece)
		}
	}
	c.mu.Unlock()

	before := c.published.Load()
	next := p.join(before, now, pieces, counts)
	c.logRules(before.Judgement, next.Judgement)
	c.published.Store(next)
	if !c.Ready() && (counts.pending == 0 && !p.Fleet.Pending || p.ReadyAfter > 0 && !now.Before(c.began.Add(p.ReadyAfter))) {
		close(c.ready)
	}
}

// jobs returns what is to be done, with the plan and the readings as they are
// now. What comes later signals that it wants to be published next.
func (c *Collector) jobs(last, now time.Time) ([]*work, *plan, targetCounts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.plan
	start, _ := p.Quota.Window(now)
	expiry := p.Rules.NextExpiry(last)
	reset := last.Before(start)
	expired := !expiry.IsZero() && !now.Before(expiry)
	var jobs []*work
	for id, a := range c.accounts {
		stale := !a.next.IsZero() && !now.Before(a.next)
		facts := a.dirty || a.news && (a.moves || a.failure != "") || reset && a.resets || expired || stale
		if !facts && !a.news {
			continue
		}
		own := c.of(id)
		if len(own) == 0 {
			delete(c.accounts, id)
			if c.self != nil {
				c.self.forgetAccount(id)
			}
			continue
		}
		w := &work{target: a, id: id, judged: a.judged, last: a.last, plan: p, now: now, facts: facts, before: a.piece}
		for _, t := range own {
			if t.reading == nil {
				unread := inventory.Reading{Target: t.Target, Unread: true}
				unread.Target.AccountID = id
				if !t.SESOnly {
					w.readings = append(w.readings, unread)
				}
				continue
			}
			r := *t.reading
			r.Target.AccountID, r.Target.AccountName, r.Target.AccountTags = id, t.AccountName, t.AccountTags // They may have become known, or others, since.
			w.readings = append(w.readings, r)
		}
		a.dirty, a.news = false, false
		jobs = append(jobs, w)
	}
	return jobs, p, c.count()
}

// run makes the account's piece.
func (w *work) run() {
	oldest := w.now.Add(-w.plan.StaleAfter)
	for i := range w.readings {
		r := &w.readings[i]
		if first := r.OldestAfter(time.Time{}); !first.IsZero() && first.Before(oldest) {
			w.ended = true
		}
		// A fact ends just after it has reached the age.
		if next := r.OldestAfter(oldest.Add(-1)); !next.IsZero() {
			w.endsBy(next)
		}
		*r = r.Fresh(oldest)
	}
	if w.facts {
		w.piece, w.err = w.judge()
	}
	if w.piece == nil {
		w.piece = w.keep()
	}
	for _, s := range w.piece.known {
		w.endsAt(s.At.Add(LastKnownFor))
	}
	passes, err := w.render("passes", func(f *Family) bool { return f.Pass }, func() *accountView { return &accountView{Account: w.piece.account, plan: &w.plan.Plan} })
	if err != nil {
		w.err = errors.Join(w.err, err)
		if w.before != nil {
			passes = w.before.passes
		}
	}
	w.piece.passes = passes
}

// endsBy takes note of a fact that was confirmed at that time.
func (w *work) endsBy(confirmed time.Time) {
	w.endsAt(confirmed.Add(w.plan.StaleAfter + time.Millisecond))
}

// endsAt takes note of when something ends.
func (w *work) endsAt(end time.Time) {
	if w.next.IsZero() || end.Before(w.next) {
		w.next = end
	}
}

// earlier returns what was found before and is not too old.
func (w *work) earlier() []rules.Seen {
	if w.before == nil {
		return nil
	}
	found := w.before.all()
	all := make([]rules.Seen, 0, len(found)+len(w.before.known))
	for _, f := range found {
		all = append(all, rules.Seen{Finding: *f, At: w.now})
	}
	for _, s := range w.before.known {
		if w.now.Before(s.At.Add(LastKnownFor)) {
			all = append(all, s)
		}
	}
	return all
}

// renderProblems renders what is found now and what is known from earlier.
func (w *work) renderProblems(p *piece) error {
	var err error
	p.trouble, err = w.render("problems", func(f *Family) bool { return f.Problem }, func() *accountView {
		return &accountView{Account: p.account, plan: &w.plan.Plan, problems: rules.Problems(p.all(), p.known)}
	})
	return err
}

// judge links, judges and renders the account's facts.
func (w *work) judge() (p *piece, err error) {
	p = &piece{rules: w.plan.Rules}
	err = guard("judge", func() error {
		p.account = inventory.Judge(w.now, w.readings, w.plan.Quota)
		return nil
	})
	if err == nil {
		err = guard("evaluate", func() error {
			p.result = w.plan.Rules.Evaluate(p.account)
			return nil
		})
	}
	if err == nil {
		p.facts, err = w.render("render", func(f *Family) bool { return !f.Pass && !f.Problem }, func() *accountView {
			v := w.plan.view(p.account, p.result)
			for i := range v.findings {
				if v.shows(&v.findings[i]) {
					p.found = append(p.found, &v.findings[i])
				}
			}
			p.found = slices.Clip(p.found)
			p.known = w.plan.Rules.Remember(p.account, p.all(), w.earlier())
			return v
		})
	}
	if err == nil {
		err = w.renderProblems(p)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// keep returns the last piece with the present readings, or one that knows
// nothing when there is none, or all of it is stale.
func (w *work) keep() *piece {
	readings := slices.DeleteFunc(slices.Clone(w.readings), func(r inventory.Reading) bool { return r.Unread })
	if w.err != nil && len(readings) > 0 {
		// The reading that came last is taken to be what is wrong.
		i := max(0, slices.IndexFunc(readings, func(r inventory.Reading) bool { return r.Target.Region == w.last }))
		readings[i].Outcomes = withFailure(readings[i].Outcomes, fmt.Sprintf("publishing account %s failed: %v; please report it", w.id, w.err))
	}
	if w.before == nil || w.err != nil && w.now.Sub(w.judged) > w.plan.StaleAfter {
		p := &piece{rules: w.plan.Rules, account: inventory.Unjudged(w.now, w.readings).Renewed(readings), result: w.plan.Rules.None(), known: w.earlier()}
		w.err = errors.Join(w.err, w.renderProblems(p))
		return p
	}
	if w.err != nil {
		w.endsBy(w.judged)
	}
	kept := *w.before
	kept.account = kept.account.Renewed(readings)
	if kept.rules != w.plan.Rules {
		kept.rules, kept.result = w.plan.Rules, w.plan.Rules.None()
	}
	return &kept
}

// guard names the step that failed, and turns a panic into an error.
func guard(step string, do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &stepError{step, fmt.Errorf("panic: %v", r), debug.Stack()}
		}
	}()
	if err := do(); err != nil {
		return &stepError{step: step, err: err}
	}
	return nil
}

// stepError is why a step of publishing an account failed.
type stepError struct {
	step  string
	err   error
	stack []byte // nil without a panic
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }

// settle takes over an account's new piece. The caller holds the lock.
func (c *Collector) settle(w *work) {
	a := w.target
	a.piece = w.piece
	if w.err == nil {
		judged := w.piece.account
		// When facts that have ended come back the same, they are judged all the same.
		a.judged, a.moves, a.resets = w.now, w.ended || judged.Moves(), len(judged.DefaultQuotas)+len(judged.Unattributed) > 0
	}
	a.next = w.next
	if w.err == nil {
		a.failure = ""
		if w.facts && c.self != nil {
			for i, r := range w.plan.Rules.Rules() {
				if n := w.piece.result.Rules[i].Errors; n > 0 {
					c.self.RuleFailed(r.ID, n)
				}
			}
		}
		return
	}
	if c.self != nil {
		c.self.publishFailed(a.id)
	}
	if text := w.err.Error(); text != a.failure {
		a.failure = text
		attrs := []any{"account_id", a.id, "region", w.last, "err", text}
		if failed, ok := errors.AsType[*stepError](w.err); ok {
			attrs = append(attrs, "step", failed.step)
			if failed.stack != nil {
				attrs = append(attrs, "stack", string(failed.stack))
			}
		}
		c.logger.Error("An account could not be published; its last facts stay until they are stale", attrs...)
	}
}

// targetCounts are the planned targets by how they are read.
type targetCounts struct {
	read, pending, failing int
	coverage               []inventory.MemberStatus // of the accounts
}

// count counts the planned targets. The caller holds the lock.
func (c *Collector) count() (n targetCounts) {
	for _, t := range c.targets {
		switch {
		case t.SESOnly:
		case t.reading == nil:
			n.pending++
		case t.reading.Failing():
			n.failing++
		default:
			n.read++
		}
	}
	n.coverage = c.cover()
	return n
}

// join returns the publication of the pieces, which are sorted by account.
func (p *plan) join(before *publication, now time.Time, pieces []*piece, counts targetCounts) *publication {
	accounts, each := make([]*inventory.Account, 0, len(pieces)), make([]*rules.Result, 0, len(pieces))
	rendered := make([]*exposition.Piece, 0, 3*len(pieces)+2)
	for _, piece := range pieces {
		accounts, each = append(accounts, piece.account), append(each, piece.result)
	}
	for _, part := range []func(*piece) *exposition.Piece{
		func(p *piece) *exposition.Piece { return p.facts },
		func(p *piece) *exposition.Piece { return p.trouble },
		func(p *piece) *exposition.Piece { return p.passes },
	} {
		for _, piece := range pieces {
			if r := part(piece); r != nil {
				rendered = append(rendered, r)
			}
		}
	}
	next := &publication{Judgement: p.Rules.Join(inventory.Join(now, accounts), each), coverage: counts.coverage}
	t := &totals{next.Judgement, counts, &p.Plan}
	total, err := p.families.Build(func(i int, emit exposition.Emit) {
		if f := &Families[i]; f.Total != nil {
			f.Total(t, Emit(emit))
		}
	})
	if err != nil {
		panic(fmt.Sprintf("collector: the sums over all accounts: %v", err)) // No foreign text is in them but rules' own, which Load has checked.
	}
	var previous *exposition.Exposition
	if before != nil {
		previous = before.exposition
	}
	next.exposition = p.families.Join(previous, append(rendered, total, p.members))
	return next
}

// logRules says once that a rule began to fail, and that an exemption ceased to apply.
func (c *Collector) logRules(before, now *rules.Judgement) {
	same := before.Rules == now.Rules
	for i, r := range now.Rules.Rules() {
		if n := now.Total[i]; n.Errors > 0 && (!same || before.Total[i].Errors == 0) {
			c.logger.Error("A rule fails", "rule", r.ID, "err", n.FirstError)
		}
	}
	known := before.ExpiredExemptions()
	for _, e := range now.ExpiredExemptions() {
		if !same || !slices.Contains(known, e) {
			c.logger.Warn("An exemption has expired and no longer applies", "rule", e.Rule, "until", e.Until, "where", e.Where)
		}
	}
}

// expositionFamilies are the families with the tags' labels.
func expositionFamilies(tags, accountTags []TagLabel) (*exposition.Families, error) {
	all := make([]exposition.Family, 0, len(Families))
	for _, f := range Families {
		labels := f.Labels
		own := tags
		if f.Members != nil {
			own = accountTags
		}
		if f.Tagged {
			for _, t := range own {
				labels = with(labels, t.Label)
			}
		}
		all = append(all, exposition.Family{Name: namespace + "_" + f.Name, Help: f.Help, Labels: labels})
	}
	return exposition.NewFamilies(all)
}

// render renders the families of an account that are wanted. What is said of
// the passes does not depend on what could panic in view.
func (w *work) render(step string, wanted func(*Family) bool, view func() *accountView) (rendered *exposition.Piece, err error) {
	err = guard(step, func() error {
		v := view()
		rendered, err = w.plan.families.Build(func(i int, emit exposition.Emit) {
			if f := &Families[i]; wanted(f) && f.Samples != nil {
				f.Samples(v, Emit(emit))
			}
		})
		return err
	})
	return rendered, err
}

// view returns what the families may render of the account.
func (p *Plan) view(a *inventory.Account, r *rules.Result) *accountView {
	v := &accountView{Account: a, plan: p, findings: r.Findings}
	v.identities, v.dropped = p.shown(a.Identities)
	return v
}

// shown picks an account's identities to show, in each region those most in
// use first, and counts by account and region those that only the cap keeps out.
func (p *Plan) shown(all []inventory.UsedIdentity) (shown []inventory.UsedIdentity, dropped map[inventory.Key]int) {
	candidates := slices.DeleteFunc(slices.Clone(all), func(i inventory.UsedIdentity) bool {
		return i.Pools == 0 && !p.AllIdentities || p.ShowIdentity != nil && !p.ShowIdentity(i.Name)
	})
	slices.SortStableFunc(candidates, func(a, b inventory.UsedIdentity) int {
		return cmp.Or(a.Target.Key().Compare(b.Target.Key()), cmp.Compare(b.Pools, a.Pools))
	})
	count, dropped := map[inventory.Key]int{}, map[inventory.Key]int{}
	for _, i := range candidates {
		k := i.Target.Key()
		if count[k]++; count[k] > p.MaxIdentities {
			dropped[k]++
			continue
		}
		shown = append(shown, i)
	}
	return shown, dropped
}
