package collector

import "github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"

func eachReading(f func(*accountView, *inventory.Reading, Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.Readings {
			f(v, &v.Readings[i], emit)
		}
	}
}

func eachOutcome(f func(*inventory.Reading, inventory.Outcome, Emit)) func(*accountView, Emit) {
	return eachReading(func(_ *accountView, r *inventory.Reading, emit Emit) {
		for _, o := range r.Outcomes {
			f(r, o, emit)
		}
	})
}

// targetFamilies are the metrics of the exporter's own reading.
var targetFamilies = []Family{
	{
		Name: "exporter_identities_dropped", Labels: accountLabels, Unit: "identities",
		Help: "How many identities are not shown because of identities.max.",
		Samples: eachReading(func(v *accountView, r *inventory.Reading, emit Emit) {
			emit(float64(v.dropped[r.Target.Key()]), accountValues(r.Target)...)
		}),
	},
	{
		Name: "exporter_target_up", Pass: true, Labels: with(accountLabels, "api"),
		Help: "Whether every call of the API succeeded in the target's last pass. Absent where AWS does not offer the API in the region, and after a pass in which another API took the time for this one.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			if o.Class == inventory.NotOffered || o.Class == inventory.NotAsked {
				return
			}
			emit(number(o.Class == inventory.OK), append(accountValues(r.Target), o.API)...)
		}),
	},
	{
		Name: "exporter_target_last_success_timestamp_seconds", Pass: true, Labels: with(accountLabels, "api"), Unit: "seconds",
		Help: "When every call of the API last succeeded in a pass, as Unix time. Absent before the first success.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			if !o.LastSuccess.IsZero() {
				emit(float64(o.LastSuccess.UnixMilli())/1000, append(accountValues(r.Target), o.API)...)
			}
		}),
	},
	{
		Name: "exporter_target_error", Pass: true, Labels: with(accountLabels, "api", "class"),
		Help: "1 while the API's last pass failed with an error of the class, or class is not_asked: another API took the time for this one; the log and the page /targets have the message.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			if o.Class != inventory.OK {
				emit(1, append(accountValues(r.Target), o.API, string(o.Class))...)
			}
		}),
	},
	{
		Name: "exporter_target_duration_seconds", Pass: true, Labels: accountLabels, Unit: "seconds",
		Help: "How long the last pass over the target took.",
		Samples: eachReading(func(_ *accountView, r *inventory.Reading, emit Emit) {
			emit(r.End.Sub(r.Start).Seconds(), accountValues(r.Target)...)
		}),
	},
	{
		Name: "exporter_targets", Labels: []string{"state"}, Unit: "targets",
		Help: "How many targets, accounts times regions, are configured, by state: read is one of which the last pass succeeded, failing one of which it did not, pending one that is still to be read for the first time.",
		Total: func(t *totals, emit Emit) {
			emit(float64(t.read), "read")
			emit(float64(t.failing), "failing")
			emit(float64(t.pending), "pending")
		},
	},
	{
		Name: "exporter_pools", Unit: "pools",
		Help: "How many user pools are known. Absent when no target could be read.",
		Total: func(t *totals, emit Emit) {
			if !t.PoolsUnknown {
				emit(float64(t.PoolCount()))
			}
		},
	},
}
