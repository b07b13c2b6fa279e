package awsread_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const week = 7 * 24 * time.Hour

// changing returns a reader that looks for changes, without the events that
// send e-mail.
func (s *simulation) changing(t *testing.T, trail bool) *awsread.Reader {
	return s.reader(t, func(o *awsread.Options) { o.ChangeHistory, o.ChangeTrail = week, trail })
}

// toDefault has somebody change the pool "customers" to the built-in sender.
func (s *simulation) toDefault(t *testing.T) {
	s.patch(t, map[string]any{"changed_by": "assumed-role/deploy/ci", "accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
		"pools": []any{map[string]any{"name": "customers", "id": s.customers(), "mode": "COGNITO_DEFAULT", "source_arn": "", "from": ""}},
	}}}}})
}

// customers returns the ID of that pool.
func (s *simulation) customers() string {
	for _, p := range s.Fleet().Accounts[0].Regions["eu-west-1"].Pools {
		if p.Name == "customers" {
			return p.ID
		}
	}
	return ""
}

// told returns what the changes of the field say.
func told(r *inventory.Reading, f inventory.Field) (texts []string) {
	for _, c := range r.Changes.List {
		if c.Field == f {
			texts = append(texts, c.Text())
		}
	}
	return texts
}

func wantTold(t *testing.T, r *inventory.Reading, f inventory.Field, want ...string) {
	t.Helper()
	if got := told(r, f); !slices.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", f, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const toDefaultAt = "email_sending_account changed from DEVELOPER to COGNITO_DEFAULT at %s by arn:aws:sts::100000000001:assumed-role/deploy/ci from 198.51.100.7"

// TestChangeIsNamed changes a pool's mode between two passes: the second one
// sees it, and the next names who did.
func TestChangeIsNamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.changing(t, true)
		read := func(prev *inventory.Reading) *inventory.Reading {
			sim.ResetCalls()
			r := reader.Read(t.Context(), target(hub, "example.com"), prev)
			return &r
		}
		r := read(nil)
		if len(r.Changes.List) > 0 || r.Changes.Since.IsZero() {
			t.Errorf("at first: %+v", r.Changes)
		}
		time.Sleep(30 * time.Minute) // Until then, CloudTrail may tell of earlier changes.
		r = read(r)
		asked := sim.calls(hub, "LookupEvents")
		for range 3 {
			time.Sleep(5 * time.Minute)
			if r = read(r); sim.calls(hub, "LookupEvents") > 0 {
				t.Errorf("%d events were looked up, and nothing changed; before there were %d", sim.calls(hub, "LookupEvents"), asked)
			}
		}
		time.Sleep(4 * time.Minute)
		sim.toDefault(t)
		changed := time.Now().UTC()
		time.Sleep(time.Second)
		before := r.Start
		r = read(r)
		if n := sim.calls(hub, "LookupEvents"); n != 1 {
			t.Errorf("%d calls", n)
		}
		if len(r.Changes.List) != 3 || r.Changes.List[0].After.Before(before) || r.Changes.List[0].By.Before(changed) {
			t.Fatalf("%+v", r.Changes.List)
		}
		first := r.Changes.List[0]
		if first.Naming != inventory.NamePending || first.Name != "customers" || first.Subject.Name != sim.customers() {
			t.Errorf("%+v", first)
		}
		time.Sleep(5*time.Minute + 30*time.Second)
		r = read(r)
		wantTold(t, r, inventory.FieldMode, fmt.Sprintf(toDefaultAt, changed.Format("2006-01-02 15:04:05 UTC")))
		for _, c := range r.Changes.List {
			if c.Naming != inventory.Named || c.Actor.EventName != "UpdateUserPool" || c.Actor.EventID == "" || !strings.HasPrefix(c.Actor.UserAgent, "aws-cli/") {
				t.Errorf("%+v", c)
			}
		}
		time.Sleep(5 * time.Minute)
		if read(r); sim.calls(hub, "LookupEvents") > 0 {
			t.Error("what is named is looked up again")
		}
	})
}

// TestChangesAreFoundAgain starts anew after a change.
func TestChangesAreFoundAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        ses: {production_access: true}
        identities: [{name: example.com}]
        pools:
          - {name: customers, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", from: a@example.com}
          - {name: built-in}
          - {name: long}
        history:
          - {ago: 480h, call: UpdateUserPool, pool: customers}
          - {ago: 100h, call: UpdateUserPool, pool: built-in}
          - {ago: 99h, call: UpdateUserPool, pool: built-in, error: AccessDenied, request: {emailConfiguration: {emailSendingAccount: DEVELOPER}}}
          - {ago: 98h, call: UpdateUserPool, pool: long, request: {emailConfiguration: HIDDEN_DUE_TO_SECURITY_REASONS}}
          - {ago: 30h, call: PutAccountSendingAttributes, request: {sendingEnabled: false}, by: root}
          - {ago: 29h, call: PutAccountSendingAttributes, request: {sendingEnabled: true}, by: root}
          - {ago: 20h, call: DeleteEmailIdentity, request: {emailIdentity: nobody.example}}
`)})
		time.Sleep(time.Hour)
		sim.toDefault(t)
		changed := time.Now().UTC()
		time.Sleep(6 * time.Minute)
		reader := sim.changing(t, true)
		first := reader.Read(t.Context(), target(hub, "example.com"), nil)
		want := fmt.Sprintf(toDefaultAt, changed.Format("2006-01-02 15:04:05 UTC"))
		builtIn := "email_sending_account changed from an unknown value to COGNITO_DEFAULT at 1999-12-27 20:00:00 UTC by arn:aws:iam::100000000001:user/administrator from 198.51.100.7"
		wantTold(t, &first, inventory.FieldMode, builtIn, want)
		wantTold(t, &first, inventory.FieldSourceARN, strings.NewReplacer("email_sending_account", "source_arn", "DEVELOPER", "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "COGNITO_DEFAULT", "none").Replace(want))
		wantTold(t, &first, inventory.FieldSendingEnabled,
			"sending_enabled changed from an unknown value to no at 1999-12-30 18:00:00 UTC by arn:aws:iam::100000000001:root from 198.51.100.7",
			"sending_enabled changed from no to yes at 1999-12-30 19:00:00 UTC by arn:aws:iam::100000000001:root from 198.51.100.7")
		if len(first.Changes.List) != 6 { // With the FROM address.
			t.Errorf("there are more: %+v", first.Changes.List)
		}
		if since := first.Changes.Began.Add(-week); !first.Changes.Since.Equal(since) || first.Changes.Settled {
			t.Errorf("since %s, not %s", first.Changes.Since, since)
		}
		time.Sleep(20 * time.Minute)
		second := reader.Read(t.Context(), target(hub, "example.com"), &first)
		if !slices.EqualFunc(first.Changes.List, second.Changes.List, func(a, b inventory.Change) bool { return a.Text() == b.Text() }) || !second.Changes.Settled {
			t.Errorf("looked up again, it is\n%+v\nnot\n%+v", second.Changes, first.Changes)
		}
		sim.ResetCalls()
		time.Sleep(5 * time.Minute)
		third := reader.Read(t.Context(), target(hub, "example.com"), &second)
		if sim.calls(hub, "LookupEvents") > 0 || !slices.Equal(second.Changes.List, third.Changes.List) {
			t.Errorf("%d calls, %+v", sim.calls(hub, "LookupEvents"), third.Changes.List)
		}
		time.Sleep(week)
		last := reader.Read(t.Context(), target(hub, "example.com"), &third)
		if len(last.Changes.List) > 0 {
			t.Errorf("older than a week: %+v", last.Changes.List)
		}
	})
}

// TestEarlierChangesAreBounded has a CloudTrail whose pages have no end: what is
// before the last page that is read is not known.
func TestEarlierChangesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		id, pages := sim.customers(), 0
		time.Sleep(100 * 24 * time.Hour)
		start := time.Now()
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			var l lookUp
			switch {
			case operation != "LookupEvents":
				return 0, ""
			case json.Unmarshal(body, &l) != nil || l.LookupAttributes[0].AttributeValue != "UpdateUserPool":
				return http.StatusOK, `{"Events": []}`
			}
			pages++
			mode := []string{"DEVELOPER", "COGNITO_DEFAULT"}[pages%2]
			at := start.Add(-time.Duration(pages) * time.Hour)
			if l.NextToken == "" && pages > 1 { // Before the time that is looked through.
				mode, at = "COGNITO_DEFAULT", start.Add(-8*24*time.Hour)
			}
			return http.StatusOK, fmt.Sprintf(`{"NextToken": "page %d", "Events": [%s]}`, pages, event(strconv.Itoa(pages), at,
				`{"requestParameters": {"userPoolId": "`+id+`", "emailConfiguration": {"emailSendingAccount": "`+mode+`"}}}`))
		})
		r := sim.changing(t, true).Read(t.Context(), target(hub), nil)
		if want := start.Add(-20 * time.Hour); pages != 21 || !r.Changes.Since.Equal(want.Truncate(time.Second)) {
			t.Errorf("%d pages, since %s", pages, r.Changes.Since)
		}
		if n := len(told(&r, inventory.FieldMode)); n != 20 || r.Changes.List[0].From != "COGNITO_DEFAULT" || r.Changes.List[0].To != "DEVELOPER" {
			t.Errorf("%d changes: %+v", n, r.Changes.List)
		}
	})
}

// TestActors has events that name who made the call in other ways than by an ARN,
// or do not tell what it was about.
func TestActors(t *testing.T) {
	for name, tt := range map[string]struct{ record, want string }{
		"an ARN":                {`"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::100000000001:user/a"}, "sourceIPAddress": "192.0.2.1"`, "arn:aws:iam::100000000001:user/a 192.0.2.1 "},
		"a service":             {`"userIdentity": {"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}, "sourceIPAddress": "cloudformation.amazonaws.com", "userAgent": "x"`, "cloudformation.amazonaws.com cloudformation.amazonaws.com x"},
		"a type":                {`"userIdentity": {"type": "Unknown"}`, "Unknown  "},
		"control characters":    {`"userIdentity": {"arn": "a\nb"}, "userAgent": "` + strings.Repeat("y", 300) + `"`, "a b  " + strings.Repeat("y", 256) + "…"},
		"nobody":                {`"userIdentity": "HIDDEN_DUE_TO_SECURITY_REASONS"`, "  "},
		"refused":               {`"userIdentity": {"arn": "a"}, "errorCode": "AccessDenied"`, "none"},
		"another pool":          {`"requestParameters": {"userPoolId": "eu-west-1_other", "emailConfiguration": {"emailSendingAccount": "COGNITO_DEFAULT"}}`, "none"},
		"no pool":               {`"requestParameters": null`, "none"},
		"no record":             {``, "none"},
		"the mode is left out":  {`"userIdentity": {"arn": "a"}, "requestParameters": {"userPoolId": "POOL"}`, "a  "},
		"the settings are none": {`"userIdentity": {"arn": "a"}, "requestParameters": {"userPoolId": "POOL", "emailConfiguration": {}}`, "a  "},
		"the value is another":  {`"userIdentity": {"arn": "a"}, "requestParameters": {"userPoolId": "POOL", "emailConfiguration": {"emailSendingAccount": "DEVELOPER"}}`, "none"},
		"the settings hide":     {`"userIdentity": {"arn": "a"}, "requestParameters": {"userPoolId": "POOL", "emailConfiguration": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, "a  "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				id := sim.customers()
				record := strings.ReplaceAll(tt.record, "POOL", id)
				if record != "" && !strings.Contains(record, "requestParameters") {
					record += `, "requestParameters": {"userPoolId": "` + id + `", "emailConfiguration": {"emailSendingAccount": "COGNITO_DEFAULT"}}`
				}
				if record != "" {
					record = "{" + record + "}"
				}
				var at time.Time
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					if operation != "LookupEvents" {
						return 0, ""
					}
					return http.StatusOK, `{"Events": [` + event("e", at, record) + `, {"EventId": "undated", "CloudTrailEvent": "{}"}]}`
				})
				reader := sim.changing(t, true)
				first := reader.Read(t.Context(), target(hub, "example.com"), nil)
				time.Sleep(30 * time.Minute)
				first = reader.Read(t.Context(), target(hub, "example.com"), &first)
				time.Sleep(time.Minute)
				sim.toDefault(t)
				at = time.Now()
				time.Sleep(time.Minute)
				second := reader.Read(t.Context(), target(hub, "example.com"), &first)
				got := "none"
				for _, c := range second.Changes.List {
					if c.Field == inventory.FieldMode && c.Actor != nil {
						got = c.Actor.Principal + " " + c.Actor.SourceIP + " " + c.Actor.UserAgent
					}
				}
				if got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestChangesBeginWithTheFirstReading has a first pass in which nothing can be
// read: what the next one brings is no change.
func TestChangesBeginWithTheFirstReading(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Faults: []awssim.Fault{{Kind: "deny", Service: "cognito-idp"}, {Kind: "deny", Service: "ses"}}})
		reader := sim.changing(t, false)
		r := reader.Read(t.Context(), target(hub, "example.com"), nil)
		if !r.Changes.Began.IsZero() {
			t.Errorf("%+v", r.Changes)
		}
		sim.fault(t)
		for range 2 {
			time.Sleep(5 * time.Minute)
			r = reader.Read(t.Context(), target(hub, "example.com"), &r)
			if len(r.Changes.List) > 0 || r.Changes.Began.IsZero() {
				t.Errorf("%+v", r.Changes)
			}
		}
	})
}

// TestChangeWithoutName is about CloudTrail that is not read, may not be, or
// has nothing to tell.
func TestChangeWithoutName(t *testing.T) {
	for name, c := range map[string]struct {
		trail        bool
		fault        string
		first, later inventory.Naming
		calls        int // of the pass that finds the change
	}{
		"switched off": {false, "", inventory.NameOff, inventory.NameOff, 0},
		"denied":       {true, `{"__type": "AccessDeniedException", "message": "no"}`, inventory.NameDenied, inventory.NameDenied, 1},
		"throttled":    {true, `{"__type": "ThrottlingException", "message": "slow down"}`, inventory.NameFailed, inventory.NameFailed, 10},
		"no event":     {true, `{"Events": []}`, inventory.NamePending, inventory.NameMissing, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				calls := 0
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					switch {
					case operation != "LookupEvents":
						return 0, ""
					case c.fault == `{"Events": []}`:
						calls++
						return http.StatusOK, c.fault
					}
					calls++
					return http.StatusBadRequest, c.fault
				})
				reader := sim.changing(t, c.trail)
				first := reader.Read(t.Context(), target(hub, "example.com"), nil)
				time.Sleep(40 * time.Minute)
				first = reader.Read(t.Context(), target(hub, "example.com"), &first)
				if _, asked := first.Outcome(inventory.APICloudTrail); asked {
					t.Error("that it cannot be read is told of the target")
				}
				time.Sleep(5 * time.Minute)
				sim.toDefault(t)
				time.Sleep(time.Minute)
				calls = 0
				second := reader.Read(t.Context(), target(hub, "example.com"), &first)
				if got := second.Changes.List; len(got) != 3 || got[0].Naming != c.first || got[0].Actor != nil || calls > c.calls || (calls > 0) != (c.calls > 0) {
					t.Errorf("after %d calls: %+v", calls, got)
				}
				time.Sleep(35 * time.Minute)
				calls = 0
				last := reader.Read(t.Context(), target(hub, "example.com"), &second)
				if got := last.Changes.List; len(got) != 3 || got[0].Naming != c.later || calls > 0 {
					t.Errorf("at last, after %d calls: %+v", calls, got)
				}
			})
		})
	}
}

// TestSESChangesAreNamed changes what the pools need of SES.
func TestSESChangesAreNamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, NoDelays: true})
		reader := sim.changing(t, true)
		r := reader.Read(t.Context(), target(hub), nil)
		var fleet map[string]any
		data, err := json.Marshal(map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"ses": map[string]any{"production_access": true, "sending_enabled": false, "sent_last_24_hours": 1200},
			"identities": []any{map[string]any{
				"name": "example.com", "mail_from": map[string]any{"domain": "bounces.example.com", "status": "FAILED", "on_failure": "REJECT_MESSAGE"},
				"policies": map[string]any{"one": `{"Version": "2012-10-17", "Statement": []}`},
			}, map[string]any{"name": "shaky.example", "status": "FAILED", "verified": false}},
			"configuration_sets": []any{map[string]any{"name": "login", "sending_enabled": false}},
		}}}}})
		if err == nil {
			err = json.Unmarshal(data, &fleet)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		sim.patch(t, fleet)
		at := time.Now().UTC().Format("2006-01-02 15:04:05 UTC")
		time.Sleep(time.Second)
		r = reader.Read(t.Context(), target(hub), &r)
		by := " at " + at + " by arn:aws:iam::100000000001:user/administrator from 198.51.100.7"
		wantTold(t, &r, inventory.FieldSendingEnabled,
			"sending_enabled changed from yes to no"+by, "sending_enabled changed from yes to no"+by)
		wantTold(t, &r, inventory.FieldMailFrom, "mail_from_status changed from none to FAILED REJECT_MESSAGE"+by)
		wantTold(t, &r, inventory.FieldSendingPolicy, "sending_policy changed from none to 1 policy, hash b1e23289"+by)
		if got := told(&r, inventory.FieldVerified); len(got) != 1 || !strings.HasSuffix(got[0], inventory.NameNoCall.Text()) {
			t.Errorf("%q", got)
		}
		time.Sleep(2 * time.Hour)
		at = time.Now().UTC().Format("2006-01-02 15:04:05 UTC")
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"identities": []any{map[string]any{"name": "example.com", "configuration_set": "other"}},
		}}}}})
		time.Sleep(time.Second)
		r = reader.Read(t.Context(), target(hub), &r)
		wantTold(t, &r, inventory.FieldConfigurationSet, "configuration_set changed from login to other at "+at+" by arn:aws:iam::100000000001:user/administrator from 198.51.100.7")
	})
}

// TestChangesAreNotLookedFor has them switched off.
func TestChangesAreNotLookedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		with, without := sim.changing(t, true), sim.reader(t, func(o *awsread.Options) { o.ChangeTrail = true })
		r := with.Read(t.Context(), target(hub), nil)
		sim.toDefault(t)
		sim.ResetCalls()
		r = without.Read(t.Context(), target(hub), &r)
		if r.Changes.List != nil || !r.Changes.Began.IsZero() || sim.calls("", "LookupEvents") > 0 {
			t.Errorf("%+v", r.Changes)
		}
	})
}
