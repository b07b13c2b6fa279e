package awsread_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestDescribePool checks that the answer comes home as it was, also what no
// SDK knows, and when an attempt before it failed.
func TestDescribePool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Faults: []awssim.Fault{{Kind: "truncate", Operation: "DescribeUserPool", Count: 1}}})
		id := sim.Fleet().Accounts[1].Regions["eu-west-1"].Pools[0].ID
		var answer string
		sim.spoilt(func(operation string, _ []byte, ask func() []byte) (int, string) {
			if operation != "DescribeUserPool" {
				return 0, ""
			}
			truth := string(ask())
			if !strings.Contains(truth, `"Id":`) {
				return 0, ""
			}
			answer = strings.Replace(truth, `"Id":`, `"NewSetting": {"Number": 1.50},  "Id":`, 1) + "\n"
			return http.StatusOK, answer
		})
		var seen attempts
		reader := sim.reader(t, func(o *awsread.Options) { o.Observe = seen.observe })
		d, o := reader.DescribePool(t.Context(), inventory.Target{AccountID: staging, AccountName: "staging", Region: "eu-west-1"}, id)
		if o.Class != inventory.OK || o.API != inventory.APICognito || o.LastSuccess.IsZero() {
			t.Fatalf("%+v", o)
		}
		if strings.TrimSpace(string(d.Body)) != strings.TrimSpace(answer) || answer == "" {
			t.Errorf("the body is\n%s\nwant\n%s", d.Body, answer)
		}
		s := d.Pool.Settings
		if d.Target.AccountID != staging || d.Target.AccountName != "staging" || d.Pool.ID != id || d.Pool.Name != "customers" ||
			s.Mode != inventory.ModeDeveloper || s.From != "no-reply@example.com" || s.Tags["env"] != "prod" || d.Pool.Confirmed.IsZero() {
			t.Errorf("%+v %+v", d, s)
		}
		if want := sim.Fleet().Accounts[1].Regions["eu-west-1"].Pools[0].Modified; !d.Pool.LastModified.Equal(want) || !s.Modified.Equal(want) {
			t.Errorf("modified %s", d.Pool.LastModified)
		}
		if all, _ := seen.count("DescribeUserPool"); all != 2 {
			t.Errorf("%d calls were counted, want 2", all)
		}
	})
}

func TestDescribePoolFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			target inventory.Target
			id     string
			faults []awssim.Fault
			api    string
			class  inventory.Class
			text   string
		}{
			"no such pool":    {inventory.Target{AccountID: hub, Region: "eu-west-1"}, "eu-west-1_nothing", nil, "cognito-idp", inventory.NotFound, "DescribeUserPool in account " + hub},
			"no such account": {inventory.Target{AccountID: "100000000009", Region: "eu-west-1"}, "eu-west-1_nothing", nil, "sts", inventory.Invalid, "the ambient credentials belong to account " + hub},
			"denied":          {inventory.Target{AccountID: hub, Region: "eu-west-1"}, "eu-west-1_nothing", []awssim.Fault{{Kind: "deny", Operation: "DescribeUserPool"}}, "cognito-idp", inventory.Denied, "check the credentials"},
			"no role":         {inventory.Target{AccountID: staging, Region: "eu-west-1"}, "eu-west-1_nothing", []awssim.Fault{{Kind: "deny", Operation: "AssumeRole"}}, "sts", inventory.Denied, "AssumeRole in account " + staging},
			"region is off":   {inventory.Target{AccountID: hub, Region: "me-south-1"}, "me-south-1_nothing", nil, "cognito-idp", inventory.RegionDisabled, "enable the region"},
		} {
			sim := simulate(t, awssim.Options{NoQuotas: true, Faults: tt.faults})
			d, o := sim.reader(t, nil).DescribePool(t.Context(), tt.target, tt.id)
			if o.Class != tt.class || o.API != tt.api || !strings.Contains(o.Message, tt.text) || d.Body != nil || d.Pool.ID != "" {
				t.Errorf("%s: %+v %+v", name, o, d)
			}
		}
	})
}
