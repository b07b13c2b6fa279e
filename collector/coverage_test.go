package collector

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestRetarget gives a collector other accounts: those that stay are not judged
// anew, one that has another name or tag is, and those that leave end at once.
func TestRetarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(3)
		p.Tags = []TagLabel{{"owner", "tag_owner"}}
		c := start(t, w, p)
		<-c.Done()
		time.Sleep(time.Second)
		id := func(i int) string { return p.Targets[i].AccountID }
		results := func() map[string]any {
			all := map[string]any{}
			for i, a := range c.View().Accounts {
				all[a.ID] = c.View().Each[i]
			}
			return all
		}
		before := results()
		targets := append([]inventory.Target{}, p.Targets[:2]...)
		targets[1].AccountTags = map[string]string{"owner": "us"}
		members := []inventory.Member{{ID: id(0)}, {ID: id(1)}, {ID: "999999999999", Coverage: inventory.CoverageSuspended}}
		if err := c.Retarget(targets, Fleet{Members: members, Tags: []TagLabel{{"ignored", "tag_ignored"}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(publishPause + time.Millisecond)
		now := results()
		if len(now) != 2 || now[id(0)] != before[id(0)] || now[id(1)] == before[id(1)] {
			t.Errorf("judged anew: the same %v, with another tag %v, of %d accounts", now[id(0)] != before[id(0)], now[id(1)] != before[id(1)], len(now))
		}
		got := scrape(t, c)
		if left := lines(got, id(2)); left != "" {
			t.Errorf("of an account that has left there is %s", left)
		}
		if n := strings.Count(got, `tag_owner="us"`); n == 0 || strings.Contains(lines(got, id(0)), `tag_owner="us"`) {
			t.Errorf("the tag of the account is on %d series", n)
		}
		var states []string
		for _, m := range c.Coverage() {
			states = append(states, string(m.Coverage))
		}
		if strings.Join(states, " ") != "read read suspended" || value(got, `cognito_ses_exporter_accounts{state="expected"}`) != "2" {
			t.Errorf("the accounts are %v\n%s", states, lines(got, "exporter_accounts"))
		}
		if n := len(c.passing); n != 2 {
			t.Errorf("the passes over %d targets are kept", n)
		}

		apply(t, c, p)
		time.Sleep(time.Second)
		if got := scrape(t, c); lines(got, id(2)) == "" || value(got, `cognito_ses_exporter_accounts{state="read"}`) != "3" {
			t.Errorf("an account that is back: %s", lines(got, "exporter_accounts"))
		}
	})
}

// TestNotReadyBeforeAccountsAreFound has nothing to read at first, since the
// accounts are still to be found.
func TestNotReadyBeforeAccountsAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(1)
		targets := p.Targets
		p.Targets, p.Fleet.Pending, p.ReadyAfter = nil, true, 0
		c := start(t, w, p)
		time.Sleep(time.Hour)
		if c.Ready() {
			t.Error("ready before the accounts are found")
		}
		if err := c.Retarget(targets, Fleet{Pending: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if c.Ready() || w.passes(targets[0].AccountID) == 0 {
			t.Error("ready before all accounts are found")
		}
		if err := c.Retarget(targets, Fleet{}); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
	})
}

// TestInfoOfTheAmbientAccount shows the ambient account once its ID is known.
func TestInfoOfTheAmbientAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		through := &through{home: "eu-west-1"}
		p := throughPlan("", "eu-west-1")
		for i := range p.Targets {
			p.Targets[i].AccountID, p.Targets[i].AccountName = "", ""
		}
		c := start(t, passReader(func(ctx context.Context, target inventory.Target, prev *inventory.Reading) inventory.Reading {
			target.AccountID = own.AccountID
			return through.Read(ctx, target, prev)
		}), p)
		const all = `cognito_ses_exporter_fleet_accounts{shard="0",shards="1"}`
		if got := scrape(t, c); lines(got, "exporter_account_info") != "" || value(got, all) != "0" {
			t.Errorf("before it is known: %s, %s accounts", lines(got, "exporter_account_info"), value(got, all))
		}
		<-c.Done()
		time.Sleep(time.Second)
		if got := value(scrape(t, c), `cognito_ses_exporter_account_info{account_id="`+own.AccountID+`",account_name="",ou="",shard="0",shards="1"}`); got != "1" || value(scrape(t, c), all) != "1" {
			t.Errorf("%q: %s", got, lines(scrape(t, c), "exporter_account"))
		}
		if m := c.Coverage(); len(m) != 1 || m[0].ID != own.AccountID || m[0].Coverage != inventory.CoverageRead {
			t.Errorf("%+v", m)
		}
	})
}
