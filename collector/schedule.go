package collector

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// startSpread is between the first passes of neighbouring targets.
const startSpread = 50 * time.Millisecond

// targetKey names a target: an account in a region, read with a role. With
// another role it is another target.
type targetKey struct {
	inventory.Key
	role string
}

func keyOf(t inventory.Target) targetKey { return targetKey{t.Key(), t.Role} }

// target is one account in one region, read by a goroutine of its own. The
// collector's mutex guards what can change.
type target struct {
	inventory.Target // the account may be unknown, see [inventory.Target]

	stop    context.CancelFunc // nil before its goroutine runs
	wake    chan struct{}      // its due time has changed
	due     time.Time          // when the next pass begins
	slot    time.Time          // a time at which a pass begins; others are whole intervals away
	reading *inventory.Reading // the last one; nil before the first pass has ended
	asked   inventory.Target   // as it was for that pass, with what pools were known to need
}

// retarget makes the targets those of the plan. The caller holds the lock.
func (c *Collector) retarget() {
	planned := make(map[targetKey]bool, len(c.plan.Targets))
	now, fresh := time.Now(), 0
	for i, in := range c.plan.Targets {
		k := keyOf(in)
		planned[k] = true
		slot := c.plan.Interval / time.Duration(len(c.plan.Targets)) * time.Duration(i)
		if t := c.targets[k]; t != nil && !t.SESOnly {
			if t.AccountName != in.AccountName || !maps.Equal(t.AccountTags, in.AccountTags) {
				t.AccountName, t.AccountTags = in.AccountName, in.AccountTags
				c.touch(c.accountID(t)).dirty = true
			}
			c.reschedule(t, now)
			continue
		}
		if t := c.targets[k]; t != nil {
			c.remove(t) // It was read for SES only.
		}
		c.add(in, now.Add(min(time.Duration(fresh)*startSpread, slot)), now.Add(slot))
		fresh++
	}
	for k, t := range c.targets {
		switch {
		case t.SESOnly:
			c.reschedule(t, now)
		case !planned[k]:
			c.remove(t)
		}
	}
	for id := range c.accounts {
		c.followSenders(id)
	}
}

// reschedule brings the next pass forward where the interval is shorter now.
func (c *Collector) reschedule(t *target, now time.Time) {
	if t.reading == nil {
		return
	}
	due := t.reading.Start.Add(c.plan.Interval)
	if due.Before(now) {
		due = now
	}
	if due.Before(t.due) {
		t.slot = due
		t.bringForward(due)
	}
}

// bringForward lets the next pass begin at due, unless it begins earlier. The
// caller holds the lock.
func (t *target) bringForward(due time.Time) {
	if !due.Before(t.due) {
		return
	}
	t.due = due
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// add begins to read a target. The caller holds the lock.
func (c *Collector) add(in inventory.Target, due, slot time.Time) {
	t := &target{Target: in, wake: make(chan struct{}, 1), due: due, slot: slot}
	c.targets[keyOf(in)] = t
	own := c.index[t.AccountID]
	at, _ := slices.BinarySearchFunc(own, t, compareTargets)
	c.index[t.AccountID] = slices.Insert(own, at, t)
	c.touch(c.accountID(t)).dirty = true
	c.start(t)
}

// start runs the target's goroutine, once the collector runs.
func (c *Collector) start(t *target) {
	if c.running == nil || t.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(c.running)
	t.stop = stop
	c.passes.Go(func() { c.schedule(ctx, t) })
}

// remove ends a target with all that is known of it. The caller holds the lock.
func (c *Collector) remove(t *target) {
	if t.stop != nil {
		t.stop()
	}
	delete(c.targets, keyOf(t.Target))
	own := slices.DeleteFunc(c.index[t.AccountID], func(o *target) bool { return o == t })
	if c.index[t.AccountID] = own; len(own) == 0 {
		delete(c.index, t.AccountID)
	}
	c.touch(c.accountID(t)).dirty = true
	k := inventory.Key{AccountID: c.accountID(t), Region: t.Region}
	if len(c.passing[k]) == 0 { // A pass that is about to begin sees that its target has ended.
		delete(c.passing, k)
	}
}

func compareTargets(a, b *target) int { return a.Key().Compare(b.Key()) }

// accountID returns the ID of the target's account, as far as it is known.
func (c *Collector) accountID(t *target) string {
	if t.AccountID == "" {
		return c.ambient
	}
	return t.AccountID
}

// of returns the targets of the account, sorted. The caller holds the lock.
func (c *Collector) of(account string) []*target {
	if account == "" && c.ambient != "" {
		return nil // They are that account's.
	}
	own := slices.Clone(c.index[account])
	if account == c.ambient && account != "" {
		own = append(own, c.index[""]...)
		slices.SortFunc(own, compareTargets)
	}
	return own
}

// needs returns what the account's pools need of SES. The caller holds the lock.
func (c *Collector) needs(account string) []inventory.Need {
	return inventory.Needs(readingsOf(c.of(account), nil)...)
}

// readingsOf returns the last reading of each target but one.
func readingsOf(targets []*target, but *target) (readings []inventory.Reading) {
	for _, t := range targets {
		if t.reading != nil && t != but {
			readings = append(readings, *t.reading)
		}
	}
	return readings
}

// followSenders reads the SES regions that pools of the account send through
// and that are not planned, with the name and role of the account's planned
// targets, and ends those that no pool leads to any more. A region that was read
// before it was known what pools of others need of it is read again at once, as
// [ReadOnce] does. The caller holds the lock.
func (c *Collector) followSenders(account string) {
	own := c.of(account)
	var planned []inventory.Target
	var name, role string
	var tags map[string]string
	for _, t := range own {
		if !t.SESOnly {
			in := t.Target
			in.AccountID = account
			planned = append(planned, in)
			name, role, tags = in.AccountName, in.Role, in.AccountTags
		}
	}
	now := time.Now()
	wanted := map[targetKey]bool{}
	needs := c.needs(account)
	for _, in := range inventory.SESOnlyTargets(needs, planned) {
		in.AccountName, in.Role, in.AccountTags = name, role, tags
		k := keyOf(in)
		wanted[k] = true
		if t := c.targets[k]; t != nil {
			t.AccountName, t.AccountTags = in.AccountName, in.AccountTags
		} else {
			c.add(in, now, now)
		}
	}
	for _, t := range own {
		switch {
		case t.SESOnly && !wanted[keyOf(t.Target)]:
			c.remove(t)
		// What its own pools need, the pass itself has seen.
		case t.lacks(needs) && t.lacks(inventory.Needs(readingsOf(own, t)...)):
			t.bringForward(now)
		}
	}
}

// lacks reports whether the last pass did not find out what is needed of the
// target because it was not asked.
func (t *target) lacks(needs []inventory.Need) bool {
	if t.reading == nil {
		return false
	}
	lacks := func(asked, needed []string) bool { // Both are sorted.
		return slices.ContainsFunc(needed, func(name string) bool {
			_, ok := slices.BinarySearch(asked, name)
			return !ok
		})
	}
	return slices.ContainsFunc(needs, func(n inventory.Need) bool {
		return n.Region == t.Region && (lacks(t.asked.Identities, n.Identities) || lacks(t.asked.ConfigurationSets, n.ConfigurationSets)) && unsettled(*t.reading, n)
	})
}

// schedule reads one target until ctx ends.
func (c *Collector) schedule(ctx context.Context, t *target) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.mu.Lock()
		timer.Reset(time.Until(t.due))
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
			c.pass(ctx, t)
		}
	}
}

// pass reads a target once and takes over what it brings.
func (c *Collector) pass(ctx context.Context, t *target) {
	c.mu.Lock()
	in := t.Target
	in.AccountID = c.accountID(t)
	slot := c.passing[in.Key()]
	if slot == nil {
		slot = make(chan struct{}, 1)
		c.passing[in.Key()] = slot
	}
	c.mu.Unlock()
	// A target that was removed and came back waits for the pass that was cut off.
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-ctx.Done():
	}
	c.mu.Lock()
	if ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	prev, timeout := t.reading, c.plan.Timeout
	for _, n := range c.needs(in.AccountID) {
		if n.Region == t.Region {
			n.Ask(&in)
		}
	}
	if a := c.accounts[in.AccountID]; a != nil && a.piece != nil {
		in.Watched = a.piece.account.Watched(in.Region)
	}
	c.mu.Unlock()

	within, cancel := context.WithTimeout(ctx, timeout)
	reading := c.read(within, in, prev)
	cancel()

	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return // What was cut off is no failure of AWS.
	}
	now, interval := time.Now(), c.plan.Interval
	t.due = t.slot.Add(now.Sub(t.slot).Truncate(interval))
	if !t.due.After(now) {
		t.due = t.due.Add(interval)
	}
	reading.Next = t.due
	c.takeChanges(t, prev, &reading)
	t.reading, t.asked = &reading, in
	c.log(prev, &reading)
	if t.AccountID == "" && reading.Target.AccountID != "" && c.ambient == "" {
		c.ambient = reading.Target.AccountID
		known := *c.plan
		if known.complete(c.ambient) == nil { // Else the accounts are shown as they were.
			c.plan = &known
		}
		c.touch("")
	}
	id := c.accountID(t)
	c.trimChanges(id)
	c.followSenders(id)
	c.touch(id).renew(prev, &reading)
	c.signal()
}

// read reads the target. A panic of the reader becomes an outcome of the
// exporter itself, and what was known stays.
func (c *Collector) read(ctx context.Context, in inventory.Target, prev *inventory.Reading) (reading inventory.Reading) {
	start := time.Now()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		stack := debug.Stack()
		if of, ok := r.(interface{ StackTrace() []byte }); ok {
			stack = of.StackTrace() // It panicked in another goroutine.
		}
		message := fmt.Sprintf("reading account %s, region %s panicked: %v; please report it, the log has the stack", in.AccountID, in.Region, r)
		if before, _ := prev.Outcome(inventory.APIExporter); before.Message != message {
			c.logger.Error("A pass panicked; what was known stays until it is stale",
				"account_id", in.AccountID, "region", in.Region, "step", "read", "err", fmt.Sprint(r), "stack", string(stack))
		}
		reading = inventory.Reading{Target: in}
		if prev != nil {
			reading = *prev
		}
		reading.Start, reading.End = start, time.Now()
		reading.Outcomes = withFailure(reading.Outcomes, message)
	}()
	return c.reader.Read(ctx, in, prev)
}

// withFailure returns the outcomes with one of the exporter itself.
func withFailure(outcomes []inventory.Outcome, message string) []inventory.Outcome {
	own := inventory.Outcome{API: inventory.APIExporter, Class: inventory.Internal, Message: message}
	others := slices.DeleteFunc(slices.Clone(outcomes), func(o inventory.Outcome) bool { return o.API == own.API })
	return append(others, own)
}

// log says once that an API began or ceased to fail, and once for the APIs
// that failed for one common cause.
func (c *Collector) log(prev, now *inventory.Reading) {
	said := map[string]bool{}
	for _, o := range now.Outcomes {
		before, _ := prev.Outcome(o.API)
		known := o.Class == before.Class || o.Message != "" && said[o.Message]
		said[o.Message] = true
		if known || o.API == inventory.APIExporter { // [Collector.read] has said what is the exporter's own.
			continue
		}
		attrs := []any{"account_id", now.Target.AccountID, "region", now.Target.Region, "api", o.API}
		if o.Class == inventory.OK {
			c.logger.Info("Target recovered", attrs...)
			continue
		}
		attrs = append(attrs, "class", string(o.Class))
		switch o.Class {
		case inventory.RegionDisabled:
			c.logger.Info("Region is switched off", attrs...)
		case inventory.NotAsked:
			c.logger.Info("There was no time to read a target", append(attrs, "err", o.Message)...)
		case inventory.NotOffered:
			c.logger.Info("The region does not have the service", attrs...)
		default:
			c.logger.Warn("Target could not be read", append(attrs, "err", o.Message)...)
		}
	}
}
