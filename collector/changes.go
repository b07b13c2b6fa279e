package collector

import (
	"iter"
	"maps"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// How many changes are remembered: enough for a week of deployments, and a bound
// for something that changes all the time. One takes less than 2 KB.
const (
	mostChanges        = 5000
	mostAccountChanges = 500
)

// takeChanges tells of the changes that a reading brings, without those that
// were dropped while it was made. The caller holds the lock.
func (c *Collector) takeChanges(t *target, prev, now *inventory.Reading) {
	if len(now.Changes.List) == 0 {
		return
	}
	var before *inventory.Changes
	if prev != nil {
		before = &prev.Changes
		if t.reading != nil && t.reading != prev {
			now.Changes.List = now.Changes.Without(before, &t.reading.Changes)
		}
	}
	seen, named := now.Changes.News(before)
	for _, change := range seen {
		if c.self != nil {
			c.self.fieldChanged(change.Field)
		}
		c.logger.Info("A fact that verdicts depend on has changed", attributes(now, change)...)
	}
	for _, change := range named {
		c.logger.Info("It is known who made a change", attributes(now, change)...)
	}
}

// attributes are what the log says of a change.
func attributes(r *inventory.Reading, change *inventory.Change) []any {
	attrs := []any{
		"account_id", r.Target.AccountID, "region", r.Target.Region, "subject", change.Subject.String(), "name", change.Name,
		"field", string(change.Field), "from", change.From, "to", change.To, "after", change.After, "by", change.By, "naming", string(change.Naming),
	}
	if a := change.Actor; a != nil {
		attrs = append(attrs, "principal", a.Principal, "source_ip", a.SourceIP, "user_agent", a.UserAgent, "event_name", a.EventName, "event_time", a.At, "event_id", a.EventID)
	}
	return attrs
}

// trimChanges drops the oldest changes of the account, and of all accounts, if
// there are too many. The caller holds the lock.
func (c *Collector) trimChanges(account string) {
	c.trim(slices.Values(c.of(account)), mostAccountChanges)
	c.trim(maps.Values(c.targets), mostChanges)
}

func (c *Collector) trim(targets iter.Seq[*target], most int) {
	total := 0
	for t := range targets {
		if t.reading != nil {
			total += len(t.reading.Changes.List)
		}
	}
	if total <= most {
		return
	}
	var of []*target
	var lists []*[]inventory.Change
	for t := range targets {
		if t.reading != nil && len(t.reading.Changes.List) > 0 {
			list := t.reading.Changes.List
			of, lists = append(of, t), append(lists, &list)
		}
	}
	dropped := inventory.Trim(lists, most)
	for i, t := range of {
		if list := *lists[i]; len(list) < len(t.reading.Changes.List) {
			r := *t.reading // A pass may be reading on from it.
			r.Changes.List = list
			t.reading = &r
			c.touch(c.accountID(t)).dirty = true
		}
	}
	if c.self != nil {
		c.self.forgot(dropped)
	}
}
