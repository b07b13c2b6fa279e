package collector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// changed returns so many changes of the target, a second apart, the last of
// them at the time.
func changed(t inventory.Target, n int, last time.Time) (list []inventory.Change) {
	for i := range n {
		at := last.Add(time.Duration(i-n+1) * time.Second)
		list = append(list, inventory.Change{
			Subject: inventory.Cause{Kind: inventory.CausePool, Region: t.Region, Name: "eu-west-1_own"}, Field: inventory.FieldMode,
			From: "DEVELOPER", To: "COGNITO_DEFAULT", After: at.Add(-time.Second), By: at, Naming: inventory.NamePending,
		})
	}
	return list
}

func counted(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue()
}

// TestChangesAreTold has a pass that sees a change, and one that names it.
func TestChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		self := NewSelf(prometheus.NewRegistry(), false, nil)
		w, p := &world{}, accounts(1)
		account := p.Targets[0].AccountID
		actor := &inventory.Actor{At: time.Now().Add(p.Interval), Principal: "arn:aws:iam::100000000001:user/a\nb", EventID: "e-1"}
		var told atomic.Pointer[[]inventory.Change]
		w.with(account, func(_ context.Context, r *inventory.Reading) {
			r.Changes.Began = time.Now()
			if list := told.Load(); list != nil {
				r.Changes.List = *list
			}
		})
		c := run(t, Options{Reader: w, Logger: slog.New(slog.NewTextHandler(&log, nil)), Self: self}, p)
		<-c.Done()
		synctest.Wait()
		series := fmt.Sprintf(`cognito_ses_pool_email_config_changed_timestamp_seconds{account_id=%q,region="eu-west-1",user_pool_id="eu-west-1_own"}`, account)
		if got := lines(scrape(t, c), "email_config_changed"); got != "" {
			t.Errorf("before a change there is %s", got)
		}
		list := changed(inventory.Target{Region: "eu-west-1"}, 1, time.Now())
		told.Store(&list)
		time.Sleep(p.Interval + time.Second)
		if got := value(scrape(t, c), series); got != "9.466848e+08" {
			t.Errorf("the change is at %s, not %d", got, list[0].By.Unix())
		}
		byName := changed(inventory.Target{Region: "eu-west-1"}, 1, list[0].By)
		byName[0].Naming, byName[0].Actor = inventory.Named, actor
		told.Store(&byName)
		time.Sleep(2 * p.Interval)
		if err := c.Apply(p); err != nil { // A reload forgets nothing.
			t.Fatal(err)
		}
		time.Sleep(publishPause + time.Millisecond)
		if got := value(scrape(t, c), series); got == "" || counted(t, self.fieldChanges.WithLabelValues("email_sending_account")) != 1 {
			t.Errorf("after a reload: %q, counted %v", got, counted(t, self.fieldChanges.WithLabelValues("email_sending_account")))
		}
		text := log.String()
		for message, times := range map[string]int{"A fact that verdicts depend on has changed": 1, "It is known who made a change": 1, `principal="arn:aws:iam::100000000001:user/a\nb"`: 1} {
			if strings.Count(text, message) != times {
				t.Errorf("%q is logged %d times:\n%s", message, strings.Count(text, message), text)
			}
		}
	})
}

// TestChangesAreBounded drops the oldest of an account's changes, and of all.
func TestChangesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 12
		self := NewSelf(prometheus.NewRegistry(), false, nil)
		w, p := &world{}, accounts(n)
		for i, target := range p.Targets {
			began := time.Now().Add(time.Duration(i) * time.Hour)
			w.with(target.AccountID, func(_ context.Context, r *inventory.Reading) {
				r.Changes.List = changed(r.Target, mostAccountChanges+1, began)
			})
		}
		c := run(t, Options{Reader: w, Logger: slog.New(slog.DiscardHandler), Self: self}, p)
		<-c.Done()
		newest := map[string]bool{}
		for _, target := range p.Targets[2:] {
			newest[target.AccountID] = true
		}
		total := 0
		for r := range c.View().Readings() {
			total += len(r.Changes.List)
			if (len(r.Changes.List) > 0) != newest[r.Target.AccountID] || len(r.Changes.List) > mostAccountChanges {
				t.Errorf("account %s has %d changes", r.Target.AccountID, len(r.Changes.List))
			}
		}
		if total != mostChanges {
			t.Errorf("%d changes are remembered", total)
		}
		if got := counted(t, self.dropped); got != n*(mostAccountChanges+1)-mostChanges {
			t.Errorf("%v are counted as dropped", got)
		}
	})
}
